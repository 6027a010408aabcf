package osthread

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// placed are the threads that Go chose when it was called from the first thread, from one that had a request in flight, and from the same
// when that had completed.
var placed struct{ onMain, onSubmitter, submitter, after int }

func init() { runtime.LockOSThread() } // so that TestMain is on the first thread

func TestMain(m *testing.M) {
	placed.onMain = placedFromHere()
	entered := make(chan struct{})
	go func() {
		defer close(entered)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		placed.submitter = unix.Gettid()
		Submits(placed.submitter, 2)
		Completed(placed.submitter)
		placed.onSubmitter = placedFromHere()
		Completed(placed.submitter)
		placed.after = placedFromHere()
	}()
	<-entered // still locked here, so that it was another thread
	runtime.UnlockOSThread()
	testenv.Main(m, nil)
}

// placedFromHere is where place runs a function that is started on the calling thread, which is locked.
func placedFromHere() int {
	ran := make(chan int, 1)
	place(func() { ran <- unix.Gettid() }, nil)
	return <-ran
}

// The first thread is the one that /proc/PID shows, so it is left alone.
func TestNeverTheFirstThread(t *testing.T) {
	if placed.onMain == unix.Getpid() {
		t.Error("on the process's first thread")
	}
}

// A thread whose completions would be held back, or lost with it, is left alone.
func TestNeverASubmitter(t *testing.T) {
	if placed.onSubmitter == placed.submitter {
		t.Error("on a thread that has a request in flight")
	}
}

// Otherwise all idle threads would be locked, one after another, to find that each is one of these; others would be made meanwhile for who
// needs one, and become so too: there would be more and more.
func TestASubmitterWithoutRequestsWillDo(t *testing.T) {
	if placed.after != placed.submitter {
		t.Error("not on a thread all of whose requests have completed")
	}
}

// Each call has a thread of its own, which ends with it.
func TestThreadEnds(t *testing.T) {
	tids := make(chan int)
	Go(func() { tids <- unix.Gettid() })
	tid := <-tids
	for unix.Tgkill(unix.Getpid(), tid, 0) == nil {
		runtime.Gosched()
	}
}
