package fsnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// interrupt tells a waiting call when its caller got a signal that ends it. The kernel sends one INTERRUPT for a request, at
// any signal, a Go client's preemption included, and does not say which it was.
type interrupt struct{ req *fuse.Context }

var _ ioctx.Interrupt = interrupt{}

// interruptOf allocates nothing: an interface holds a struct of one pointer as it is.
func interruptOf(ctx context.Context) ioctx.Interrupt { return interrupt{ctx.(*fuse.Context)} }

// Done is closed by INTERRUPT, and for every request when the connection ends.
func (i interrupt) Done() <-chan struct{} { return i.req.Cancel }

// Pending says whether the call ends with EINTR. Any signal ends it where the caller is not in /proc: one outside the mount's pid
// namespace, whose pid is told as 0, and one that has vanished. Where the daemon is short of what it takes to look, the call goes on
// until it is asked again.
func (i interrupt) Pending() bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.req.Pid))
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM) {
		return false
	}
	return err != nil || endsCall(status) || stopping(i.req.Pid)
}

// harmless are the signals a waiting call goes on through: what job control and terminals send to everyone, and what Go
// preempts its own threads with.
const harmless = 1<<(syscall.SIGCHLD-1) | 1<<(syscall.SIGURG-1) | 1<<(syscall.SIGWINCH-1) | 1<<(syscall.SIGCONT-1)

// endsCall reads /proc/TID/status (proc_pid_status(5)). A thread that waits for the answer to an interrupted request can be
// ended by SIGKILL only and handles no signal, so whatever came stays pending in SigPnd, or in ShdPnd until another thread of
// the process takes it. A blocked signal interrupts nobody. None pending is no reason to stop: SIGCONT removes SIGSTOP.
//
// Such a thread is in state D, or R while it gets there. In any other it has left the request, since the connection was
// aborted, and nobody waits for the answer.
func endsCall(status []byte) bool {
	state := statusField(status, "State:")
	if state == "" || state[0] != 'D' && state[0] != 'R' {
		return true
	}
	pending := signalSet(status, "SigPnd:") | signalSet(status, "ShdPnd:")
	return pending&^signalSet(status, "SigBlk:")&^harmless != 0
}

// stopping says whether the process of a thread is being stopped, which it is not before this call has ended. Of a signal that another
// thread has taken nothing is pending any more. But the others stand still by then, those aside that wait in calls too.
func stopping(tid uint32) bool {
	task := fmt.Sprintf("/proc/%d/task/", tid)
	threads, _ := os.ReadDir(task) // it may have ended
	for _, e := range threads {
		status, err := os.ReadFile(task + e.Name() + "/status")
		if state := statusField(status, "State:"); err == nil && state != "" && state[0] != 'D' {
			return state[0] == 'T'
		}
	}
	return false
}

func signalSet(status []byte, name string) uint64 {
	set, err := strconv.ParseUint(statusField(status, name), 16, 64)
	if err != nil {
		return 0
	}
	return set
}

// statusField is the rest of the line that begins with name, without blanks around it.
func statusField(status []byte, name string) string {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			return string(bytes.TrimSpace(rest))
		}
	}
	return ""
}
