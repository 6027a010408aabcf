package integration

import (
	"bytes"
	"errors"
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

// run runs a client of d to its end, and that of all that it started and that holds its output. One that takes too long fails the test: it is
// killed, and the mount aborted, without which it may be beyond killing.
func (d *daemon) run(cmd *exec.Cmd) result {
	d.t.Helper()
	var stdout, stderr output
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	p := start(d.t, cmd)
	if !p.ends(patient) {
		d.t.Errorf("%v: still there after %v", cmd, patient)
		p.signal(syscall.SIGKILL)
		d.abort()
		p.ends(patient)
		d.t.Fatalf("stdout: %s\nstderr: %s", tail(stdout.String()), tail(stderr.String()))
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		d.t.Fatalf("%v: %v", cmd, p.err)
	}
	return result{stdout.String(), stderr.String(), p.status()}
}

// tail is the end of a long text, long enough for what Go prints of all goroutines.
func tail(s string) string {
	const enough = 40_000
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
