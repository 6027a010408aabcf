package harness

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

// A Process is a child in a process group of its own, which dies with this one and does not outlive its test.
type Process struct {
	Cmd  *exec.Cmd
	Said *Output       // stdout and stderr, as far as Cmd did not say otherwise
	Done chan struct{} // closed when it has ended and Err is set
	Err  error
}

// Start starts cmd.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Cmd: cmd, Said: &Output{}, Done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.Said
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.Said
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.Err = cmd.Wait()
		close(p.Done)
	}()
	t.Cleanup(func() {
		p.Signal(syscall.SIGKILL)
		if !p.Ends(testenv.Patience) {
			t.Errorf("%v outlives SIGKILL", cmd)
		}
	})
	return p
}

// Pid is its process id, and that of its group.
func (p *Process) Pid() int { return p.Cmd.Process.Pid }

// Signal reaches all of the group.
func (p *Process) Signal(sig syscall.Signal) {
	select {
	case <-p.Done: // the number may be another's by now
	default:
		_ = syscall.Kill(-p.Pid(), sig) // it may have ended just now
	}
}

// Ends says whether it ended within limit.
func (p *Process) Ends(limit time.Duration) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.Done:
		return true
	case <-late.C:
		return false
	}
}

// Status is its exit status, once it has ended: -1 where a signal ended it.
func (p *Process) Status() int { return p.Cmd.ProcessState.ExitCode() }

// Says waits until it has said text, and fails the test where it ends before.
func (p *Process) Says(t testing.TB, text string) {
	t.Helper()
	testenv.Eventually(t, "saying "+text, func() bool {
		if strings.Contains(p.Said.String(), text) {
			return true
		}
		if p.Ends(0) && !strings.Contains(p.Said.String(), text) {
			t.Fatalf("%v has ended: %s", p.Cmd, p.Said)
		}
		return false
	})
}

// Output is what a process has said so far.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Tail is the end of a long text, long enough for what Go prints of all goroutines.
func Tail(s string) string {
	const enough = 40_000
	if len(s) > enough {
		return "..." + strings.ToValidUTF8(s[len(s)-enough:], "?")
	}
	return s
}
