package integration

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

func init() { roles["life"] = liveTraced }

// liveTraced is the process that lives a life, on one thread, which it names. It begins when it can read from stdin. args are the mount, a
// file and a pipe.
func liveTraced(args []string) error {
	l := life{root: args[0], file: args[1], pipe: args[2]}
	over := make(chan []failure)
	go onOtherThread(func() {
		fmt.Println("thread", unix.Gettid())
		syscall.Read(0, make([]byte, 1))
		over <- l.live()
	})
	if failed := <-over; len(failed) > 0 {
		return fmt.Errorf("%v", failed)
	}
	return nil
}

// onOtherThread calls do on a thread that is not the process's first, whose end the parent is told of by other means.
func onOtherThread(do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Gettid() != os.Getpid() {
		do()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		onOtherThread(do)
	}()
	<-done
}

// A kill is where a client is killed: at its n-th stop before or behind a system call, or in the midst of the call that comes then.
type kill struct {
	stop  int
	midst bool
}

// killStep is at every how many-th stop clients are killed: AIOFS_KILLS, or few enough for every run.
func killStep(t *testing.T) int {
	t.Helper()
	step, err := strconv.Atoi(os.Getenv("AIOFS_KILLS"))
	switch {
	case err == nil && step > 0:
	case testing.Short():
		step = 25
	default:
		step = 5
	}
	return step
}

// A client is killed at each of its system calls, and in the midst of each. The daemon gives back what it had, and others notice nothing.
func TestKilledAtEachSystemCall(t *testing.T) {
	step := killStep(t)
	eachEngine(t, func(t *testing.T, d *daemon) {
		around := d.bystanders()
		l := d.newLife()
		b := d.baseline().withPoller()
		kills := 0
		for stop := 1 + rand.N(step); ; stop += step {
			reached := false
			for _, midst := range []bool{false, true} {
				reached = d.killedAt(l, kill{stop, midst})
				if err := os.Remove(d.path("ctx", lifeContext)); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				d.returnsTo(b, fmt.Sprintf("a kill at stop %d, in the midst of a call: %v", stop, midst))
				if reached {
					kills++
				}
			}
			if !reached {
				break
			}
		}
		d.unharmed(around)
		t.Logf("%d kills", kills)
	})
}

// killedAt starts a client and kills it; false: it came to its end before.
func (d *daemon) killedAt(l life, k kill) (reached bool) {
	d.t.Helper()
	cmd := exec.Command("/proc/self/exe", l.root, l.file, l.pipe)
	cmd.Env = append(os.Environ(), harness.RoleEnv+"=life")
	stdin, err := cmd.StdinPipe()
	d.check(err)
	stdout, err := cmd.StdoutPipe()
	d.check(err)
	p := harness.Start(d.t, cmd)
	tid := 0
	_, err = fmt.Fscanf(stdout, "thread %d\n", &tid)
	d.check(err)
	traced := make(chan error)
	go func() {
		runtime.LockOSThread() // what traces is a thread
		defer runtime.UnlockOSThread()
		var err error
		reached, err = k.trace(tid, p.Pid(), stdin)
		traced <- err
	}()
	if err := <-traced; errors.Is(err, syscall.EPERM) {
		testenv.Lacks(d.t, "%v", err)
	} else if err != nil {
		d.t.Fatal(err)
	}
	if !p.Ends(testenv.Patience) {
		d.t.Fatal("the client does not end")
	}
	if !reached && p.Status() != 0 {
		d.t.Fatalf("a client that was not killed ended with %v: %s", p.Cmd.ProcessState, harness.Tail(p.Said.String()))
	}
	return reached
}

// trace goes from stop to stop of a thread, and returns when it has ended.
func (k kill) trace(tid, pid int, begin io.Writer) (reached bool, err error) {
	if err := unix.PtraceSeize(tid); err != nil {
		return false, fmt.Errorf("ptrace: %w", err)
	}
	if err := unix.PtraceInterrupt(tid); err != nil {
		return false, err
	}
	if _, err := begin.Write([]byte("x")); err != nil {
		return false, err
	}
	for stops := 0; ; {
		status, err := waitFor(tid)
		if err != nil || status.Exited() || status.Signaled() {
			return reached, err
		}
		signal := 0
		switch {
		case status.StopSignal() == syscall.SIGTRAP|0x80:
			stops++
		case status>>16 != 0: // PTRACE_EVENT_STOP: PTRACE_INTERRUPT has worked
			err = unix.PtraceSetOptions(tid, unix.PTRACE_O_TRACESYSGOOD)
		default:
			signal = int(status.StopSignal())
		}
		strike := stops == k.stop && !reached
		if err == nil && (!strike || k.midst) {
			err = unix.PtraceSyscall(tid, signal)
		}
		if strike {
			reached = true
			if k.midst {
				spin(rand.N(100 * time.Microsecond))
			}
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) { // else it was killed just before
			return reached, err
		}
	}
}

// waitFor waits until a thread that is traced stops or has ended.
func waitFor(tid int) (status syscall.WaitStatus, err error) {
	_, err = client.IgnoringEINTR(func() (int, error) { return syscall.Wait4(tid, &status, unix.WALL, nil) })
	return status, err
}

// spin takes a processor for so long, which is too short to be waited for.
func spin(long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); {
	}
}
