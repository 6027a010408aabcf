package uring

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/enginetest"
	"github.com/aiofs/aiofs/ring/testenv"
)

// hangs makes n reads of a file that does not answer before h.Release.
func hangs(t *testing.T, h *enginetest.HangFS, n int) []*call {
	fd, buf := h.Open(t, "hang"), mmap(t, n)
	calls := make([]*call, n)
	for i := range calls {
		calls[i] = newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassHang, FD: fd, Buf: buf[i : i+1]})
	}
	return calls
}

// hanging waits until n reads have reached the file system, and looks whether more do.
func hanging(t *testing.T, h *enginetest.HangFS, n int) {
	t.Helper()
	testenv.Eventually(t, "reads hang", func() bool { return h.Hanging() >= n })
	if got := h.Hanging(); got != n {
		t.Fatalf("%d reads hang, want %d", got, n)
	}
}

// A read of a file that hangs would block inside io_uring_enter; its thread would then hold back what it submitted before.
func TestHungReadDoesNotBlockSubmit(t *testing.T) {
	h, q := enginetest.NewHangFS(t), newTestQueue(t, start(t), 16)
	r, w := pipe(t)
	before := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	hung := hangs(t, h, 1)
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		runtime.LockOSThread() // so that it is one thread that submits both
		defer runtime.UnlockOSThread()
		q.Submit(batchOf(before))
		q.Submit(batchOf(hung...))
	}()
	hanging(t, h, 1)
	unix.Write(int(w), []byte("x"))
	before.want(t, 1)
	<-returned
	h.Release()
	hung[0].want(t, 1)
}

// However many reads hang, a worker is left for what needs one: here fsync, and a write that extends a file.
func TestHungReadsLeaveWorkers(t *testing.T) {
	h, e := enginetest.NewHangFS(t), startLimited(t, 100, 60)
	q := newTestQueue(t, e, 4096)
	hung := hangs(t, h, 200)
	local := []*call{
		newCall(engine.Request{Op: engine.OpFsync, FD: tempFile(t, "", 10, unix.O_RDWR)}),
		newCall(engine.Request{Op: engine.OpWrite, FD: tempFile(t, "", 10, unix.O_RDWR), Off: 1 << 20, Buf: []byte("x")}),
	}
	runtime.LockOSThread() // workers are a thread's
	defer runtime.UnlockOSThread()
	q.Submit(batchOf(hung...))
	hanging(t, h, 60)
	q.Submit(batchOf(local...))
	local[0].want(t, 0)
	local[1].want(t, 1)
	if n := h.Hanging(); n != 60 {
		t.Errorf("%d reads hang, want 60", n)
	}
	h.Release()
	for _, c := range hung {
		c.want(t, 1)
	}
}

// The engine's total is shared: a queue that finds none left goes on when another's requests end.
func TestHungReadsOfSeveralQueues(t *testing.T) {
	h, e := enginetest.NewHangFS(t), startLimited(t, 4, 3)
	var calls []*call
	for range 5 {
		q, of := newTestQueue(t, e, 64), hangs(t, h, 10)
		q.Submit(batchOf(of...))
		calls = append(calls, of...)
	}
	hanging(t, h, 4)
	h.Release()
	for _, c := range calls {
		c.want(t, 1)
	}
	testenv.Eventually(t, "all places are free", func() bool {
		e.hang.mu.Lock()
		defer e.hang.mu.Unlock()
		return e.hang.free == 4 && len(e.hang.waiting) == 0
	})
}

// What waits in the backlog is cancelled at once, in whatever order, and gives way to others.
func TestCancelBacklog(t *testing.T) {
	h, e := enginetest.NewHangFS(t), startLimited(t, 2, 2)
	first, second := newTestQueue(t, e, 64), newTestQueue(t, e, 64)
	hung, other := hangs(t, h, 6), hangs(t, h, 1)
	first.Submit(batchOf(hung...))
	second.Submit(batchOf(other...))
	hanging(t, h, 2)
	for _, i := range []int{3, 5, 2, 4} {
		first.Cancel(batchOf(hung[i]))
		hung[i].want(t, -int64(unix.ECANCELED))
	}
	second.Cancel(batchOf(other...))
	other[0].want(t, -int64(unix.ECANCELED))
	h.Release()
	for _, c := range hung[:2] {
		if res := c.wait(t); res != 1 {
			t.Fatal(res)
		}
	}
}

// A cancel that found the request with a worker may have been lost on it, and is repeated.
func TestCancelRepeated(t *testing.T) {
	q := newTestQueue(t, start(t), 64)
	r, _ := pipe(t)
	lost := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	q.Submit(batchOf(lost))
	q.mu.Lock()
	lost.Private.(*slot).canceled = true
	q.canceled(-int32(unix.EALREADY))
	q.mu.Unlock()
	lost.want(t, -int64(unix.ECANCELED))
}

// A worker that is told to stop while it is about to wait goes on to wait.
func TestCancelAtOnce(t *testing.T) {
	q := newTestQueue(t, start(t), 64)
	r, _ := pipe(t)
	for range 300 {
		c := newCall(engine.Request{Op: engine.OpPoll, Class: engine.ClassHang, FD: r, Events: unix.POLLIN})
		q.Submit(batchOf(c))
		q.Cancel(batchOf(c))
		c.want(t, -int64(unix.ECANCELED))
	}
}

// Threads that come to a ring first have the workers' limit, too.
func TestWorkersLimitOnEveryThread(t *testing.T) {
	e := start(t)
	q := newTestQueue(t, e, 64)
	const threads = 4
	start, limits := make(chan struct{}), make(chan uint32)
	for range threads {
		go func() {
			runtime.LockOSThread() // ended with the goroutine: nothing is in flight
			<-start
			q.Submit(batchOf(newCall(engine.Request{Op: engine.OpNop})))
			was, err := q.ring.limitWorkers(0)
			if err != nil {
				t.Error(err)
			}
			limits <- was
		}()
	}
	close(start)
	for range threads {
		if n := <-limits; int(n) < e.hang.free+spareWorkers {
			t.Errorf("a thread may have %d workers, want %d", n, e.hang.free+spareWorkers)
		}
	}
}
