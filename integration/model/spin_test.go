package model

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// property is what a search looks for: options of gcc for the verifier that spin makes, and of the verifier.
type property struct {
	name       string
	gcc, check []string
}

var (
	// Assertions, and ends where a thread still waits.
	safety = property{"safety", []string{"-DSAFETY"}, nil}
	// Executions that go on for ever. There is no label of progress, so any cycle is one.
	ends = property{"every execution ends", []string{"-DNP"}, []string{"-l"}}
)

// limits of a search. One that reaches them has not been one.
const (
	megabytes = "3000"
	depth     = "100000"
	patience  = 5 * time.Minute
)

// result is what spin said.
type result struct {
	property  property
	threads   int64
	states    int64
	violation string // "": none
	output    string
}

var (
	violationRE = regexp.MustCompile(`(?m)^pan:\d+: (.*) \(at depth \d+\)`)
	statesRE    = regexp.MustCompile(`(?m)^ *(\d+) states, stored`)
	threadsRE   = regexp.MustCompile(`(?m)^(\d+) processes created`)
)

// run makes a verifier of the model and runs it.
func (s search) run(t *testing.T, p property) result {
	t.Helper()
	dir := t.TempDir()
	// Read by this program too, so that `go test` knows what its result depends on.
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	optimise := "-O0" // most have been searched sooner than they are optimised
	if s.large {
		optimise = "-O2"
	}
	s.spin(t, dir, "-a")
	command(t, dir, "gcc", append(p.gcc, optimise, "-w", "-DCOLLAPSE", "-DMEMLIM="+megabytes, "-o", "pan", "pan.c")...)
	out := command(t, dir, filepath.Join(dir, "pan"), append(p.check, "-n", "-m"+depth)...)

	r := result{property: p, output: out, states: number(statesRE, out)}
	if s.want == "" {
		// As the beginning of an execution tells, less the one that only starts the others or only looks on.
		r.threads = number(threadsRE, s.spin(t, dir, "-u100", "-n1")) - 1
	}
	if m := violationRE.FindStringSubmatch(out); m != nil {
		r.violation = m[1]
	}
	return r
}

// spin runs spin on the model in dir.
func (s search) spin(t *testing.T, dir string, args ...string) string {
	t.Helper()
	for _, d := range strings.Fields(s.defs) {
		args = append(args, "-D"+d)
	}
	return command(t, dir, "spin", append(args, s.model+".pml")...)
}

// exhaust fails the test unless every state was visited and nothing was wrong, and returns how many there were.
func (r result) exhaust(t *testing.T) int64 {
	t.Helper()
	full := strings.Contains(r.output, "Full statespace search") && strings.Contains(r.output, "errors: 0\n")
	for _, cut := range []string{"Search not completed", "max search depth too small", "pan: reached", "out of memory"} {
		full = full && !strings.Contains(r.output, cut)
	}
	if !full || r.violation != "" || r.states == 0 {
		t.Errorf("%s: %s\n%s", r.property.name, r.violation, r.output)
	}
	t.Logf("%s: %d states of %d threads, all visited, nothing wrong", r.property.name, r.states, r.threads)
	return r.states
}

func number(re *regexp.Regexp, s string) int64 {
	m := re.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // digits
	return n
}

// command returns what a program says. What the verifier found is no failure of the program.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
	return string(out)
}
