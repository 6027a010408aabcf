package uring

import (
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// The runtime's signals, which end poll(2) with EINTR even where it does not wait, do not make a read of an empty O_NONBLOCK pipe wait.
func TestASignalMakesNoNonblockingReadWait(t *testing.T) {
	r, _ := pipe(t)
	if err := unix.SetNonblock(int(r), true); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid, stop := unix.Gettid(), make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				unix.Tgkill(unix.Getpid(), tid, unix.SIGURG)
			}
		}
	})
	defer storm.Wait()
	defer close(stop)
	for range 20_000 {
		if !wouldFail(&engine.Request{Op: engine.OpRead, FD: r}) {
			t.Fatal("it would wait")
		}
	}
}
