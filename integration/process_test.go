package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patient is how long a test waits for what has to happen. Only what hangs takes so long, on whatever machine.
const patient = 60 * time.Second

// A process is a child in a process group of its own, which dies with this one.
type process struct {
	cmd  *exec.Cmd
	said *output       // stdout and stderr, as far as cmd did not say otherwise
	done chan struct{} // closed when it has ended and err is set
	err  error
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, said: &output{}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.said
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.said
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		if !p.ends(patient) {
			t.Errorf("%v outlives SIGKILL", cmd)
		}
	})
	return p
}

// signal reaches all of the group.
func (p *process) signal(sig syscall.Signal) {
	select {
	case <-p.done: // the number may be another's by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, sig) // it may have ended just now
	}
}

// ends says whether it ended within limit.
func (p *process) ends(limit time.Duration) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.done:
		return true
	case <-late.C:
		return false
	}
}

func (p *process) status() int { return p.cmd.ProcessState.ExitCode() }

// output is what a process has said so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// result is what has come of a client.
type result struct {
	stdout, stderr string
	status         int
}

// run runs a client to its end, and that of all that it started and that holds its output. What takes longer than limit is killed
// and fails the test.
func run(t *testing.T, limit time.Duration, cmd *exec.Cmd) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	timed := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	timed.Dir, timed.Env, timed.Stdin = cmd.Dir, cmd.Env, cmd.Stdin
	timed.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	timed.Cancel = func() error { return syscall.Kill(-timed.Process.Pid, syscall.SIGKILL) }
	timed.WaitDelay = patient
	var stdout, stderr bytes.Buffer
	timed.Stdout, timed.Stderr = io.Writer(&stdout), io.Writer(&stderr)
	err := timed.Run()
	r := result{stdout.String(), stderr.String(), -1}
	if timed.ProcessState != nil {
		r.status = timed.ProcessState.ExitCode()
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%v: still there after %v\nstdout: %s\nstderr: %s", cmd, limit, tail(r.stdout), tail(r.stderr))
	case err != nil && !errors.As(err, &exit):
		t.Fatalf("%v: %v", cmd, err)
	}
	return r
}

// tail is the end of a long text.
func tail(s string) string {
	const enough = 4000
	if len(s) > enough {
		return "..." + strings.ToValidUTF8(s[len(s)-enough:], "?")
	}
	return s
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.Now().Add(patient)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(limit) {
			t.Fatalf("not within %v: %s", patient, what)
		}
		<-tick.C
	}
}
