package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
)

// Each program below clients/ is what its language makes of struct iocb and struct io_event.
func TestClients(t *testing.T) {
	for _, client := range []struct {
		name    string
		command func(t *testing.T, dir string) []string
	}{
		{"python", interpreted("python3", "client.py")},
		{"node", interpreted("node", "client.js")},
		{"perl", interpreted("perl", "client.pl")},
		{"go", compiled("go", "build", "-o", "client", "./clients/goclient")},
		{"c", compiled("gcc", "-Wall", "-Wextra", "-Werror", "-o", "client", "clients/client.c")},
	} {
		t.Run(client.name, func(t *testing.T) {
			command := client.command(t, t.TempDir())
			eachEngine(t, func(t *testing.T, d *daemon) {
				file := filepath.Join(d.work, "file")
				d.check(os.WriteFile(file, []byte(numbered(64<<10)), 0o600))
				r := d.run(exec.Command(command[0], append(command[1:], d.dir, file)...))
				if r.status != 0 || r.stdout+r.stderr != "" {
					t.Errorf("status %d, it said: %s%s", r.status, harness.Tail(r.stdout), harness.Tail(r.stderr))
				}
			})
		})
	}
}

// interpreted is a program that its interpreter reads.
func interpreted(interpreter, program string) func(*testing.T, string) []string {
	return func(t *testing.T, _ string) []string {
		path, err := exec.LookPath(interpreter)
		if err != nil {
			harness.Lacks(t, "%v", err)
		}
		return []string{path, filepath.Join("clients", program)}
	}
}

// compiled is a program that a compiler makes; "client" in its arguments is where to.
func compiled(compiler string, args ...string) func(*testing.T, string) []string {
	return func(t *testing.T, dir string) []string {
		t.Helper()
		if _, err := exec.LookPath(compiler); err != nil {
			harness.Lacks(t, "%v", err)
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
