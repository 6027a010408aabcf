package uring

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// A thread may have as many workers as any other, although the ring that it comes to first is of one request.
func TestWorkersOnEveryThread(t *testing.T) {
	q := newTestQueue(t, start(t), 1)
	const threads = 4
	start, limits := make(chan struct{}), make(chan uint32)
	for range threads {
		go func() {
			runtime.LockOSThread() // ended with the goroutine: nothing is in flight
			<-start
			q.Submit(batchOf(newCall(engine.Request{Op: engine.OpNop})))
			var was [2]uint32 // 0 leaves them as they are
			if err := q.ring.register(registerIOWQMaxWorkers, unsafe.Pointer(&was[0]), 2); err != nil {
				t.Error(err)
			}
			limits <- was[ioWQBound]
		}()
	}
	close(start)
	for range threads {
		if n := <-limits; n != workers {
			t.Errorf("a thread may have %d workers, want %d", n, workers)
		}
	}
}
