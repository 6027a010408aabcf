package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// clients are the programs below clients/ that do the same job, each in its language: a thousand random reads, 32 in flight, each
// verified; "written\n" behind the end of the file; fsync; a read of a pipe, cancelled.
var clients = []struct {
	name    string
	command func(t *testing.T, dir string) []string
}{
	{"bash", interpreted("bash", "client.sh")},
	{"dash", interpreted("dash", "client.sh")},
	{"python", interpreted("python3", "client.py")},
	{"perl", interpreted("perl", "client.pl")},
	{"node", interpreted("node", "client.js")},
	{"tcl", interpreted("tclsh", "client.tcl")},
	{"java", func(t *testing.T, dir string) []string {
		classes := compiled("javac", "-d", "client", "clients/Client.java")(t, dir)
		return []string{"java", "-cp", classes[0], "Client"}
	}},
	{"go", compiled("go", "build", "-o", "client", "./clients/goclient")},
	{"c", compiled("gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", "client", "clients/client.c")},
}

func TestClients(t *testing.T) {
	job := map[string]int{"read": 1001, "write": 1, "sync": 1, "cancelled": 1}
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			command := client.command(t, t.TempDir())
			eachEngine(t, func(t *testing.T, d *daemon) {
				file, content := filepath.Join(d.work, "file"), numbered(128<<10)
				d.check(os.WriteFile(file, []byte(content), 0o600))
				before := d.completed()
				r := d.run(exec.Command(command[0], append(command[1:], d.dir, file, d.fifo())...))
				if r.status != 0 || r.stdout+r.stderr != "" {
					t.Fatalf("status %d, it said: %s%s", r.status, harness.Tail(r.stdout), harness.Tail(r.stderr))
				}
				after, err := os.ReadFile(file)
				d.check(err)
				if string(after) != content+"written\n" {
					t.Errorf("the file ends in %q", after[max(0, len(after)-16):])
				}
				did := d.completed()
				for kind := range job {
					did[kind] -= before[kind]
				}
				if diff := cmp.Diff(job, did); diff != "" {
					t.Errorf("the job (-) and what was done (+):\n%s", diff)
				}
			})
		})
	}
}

var completedPattern = regexp.MustCompile(`(?m)^aiofs_request(?:_duration_seconds_count\{op="(read|write|sync)"\}|s_(cancelled)_total) (\d+)$`)

// completed counts the requests that d has completed, by kind, and those of all that were cancelled.
func (d *daemon) completed() map[string]int {
	d.t.Helper()
	counts := map[string]int{}
	for _, m := range completedPattern.FindAllStringSubmatch(d.get("metrics"), -1) {
		n, err := strconv.Atoi(m[3])
		d.check(err)
		counts[m[1]+m[2]] = n
	}
	return counts
}

// Those that README.md shows are those that are tested.
func TestREADMEShowsClients(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?ms)^```\\w+ integration/(clients/\\S+)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(shown) < 3 {
		t.Errorf("README.md shows %d clients", len(shown))
	}
	for _, block := range shown {
		program, err := os.ReadFile(block[1])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(program), block[2]); diff != "" {
			t.Errorf("%s (-) and what README.md shows (+):\n%s", block[1], diff)
		}
	}
}

// interpreted is a program that its interpreter reads.
func interpreted(interpreter, program string) func(*testing.T, string) []string {
	return func(t *testing.T, _ string) []string {
		path, err := exec.LookPath(interpreter)
		if err != nil {
			testenv.Lacks(t, "%v", err)
		}
		return []string{path, filepath.Join("clients", program)}
	}
}

// compiled is a program that a compiler makes; "client" in its arguments is where to.
func compiled(compiler string, args ...string) func(*testing.T, string) []string {
	return func(t *testing.T, dir string) []string {
		t.Helper()
		if _, err := exec.LookPath(compiler); err != nil {
			testenv.Lacks(t, "%v", err)
		}
		program := filepath.Join(dir, "client")
		cmd := exec.Command(compiler)
		for _, arg := range args {
			if arg == "client" {
				arg = program
			}
			cmd.Args = append(cmd.Args, arg)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		return []string{program}
	}
}
