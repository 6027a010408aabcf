package uring

import (
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/enginetest"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ring/testenv"
)

// startEngine makes the engine, where there is io_uring. The test closes it; its pool is closed when the test ends.
func startEngine(t *testing.T) *Engine {
	t.Helper()
	pool := threads.NewPool()
	t.Cleanup(func() {
		if stuck := pool.Close(); stuck != 0 {
			t.Errorf("%d threads are stuck", stuck)
		}
	})
	e, err := New(pool)
	offered(t, err)
	return e
}

// newEngineQueue makes a queue of e that is closed when the test ends.
func newEngineQueue(t *testing.T, e *Engine, share any) engine.Queue {
	t.Helper()
	q, err := e.NewQueue(1024, engine.Client{Share: share})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func TestConformance(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) engine.Engine { return startEngine(t) })
}

// Everything of what may hang is apart, no-ops aside, and nothing is lost.
func TestPart(t *testing.T) {
	var batch, wantRing, wantBlocking []*engine.Request
	for _, class := range []engine.Class{engine.ClassHang, engine.ClassLocal, engine.ClassStream, engine.ClassHang} {
		for op := engine.OpNop; op <= engine.OpPoll; op++ {
			r := &engine.Request{Op: op, Class: class}
			batch = append(batch, r)
			if class == engine.ClassHang && op != engine.OpNop {
				wantBlocking = append(wantBlocking, r)
			} else {
				wantRing = append(wantRing, r)
			}
		}
	}
	ring, blocking := part(slices.Clone(batch))
	if !sameRequests(ring, wantRing) || !sameRequests(blocking, wantBlocking) {
		t.Errorf("%v and %v, want %v and %v", ring, blocking, wantRing, wantBlocking)
	}
}

// sameRequests compares without regard to order.
func sameRequests(got, want []*engine.Request) bool {
	for _, r := range want {
		i := slices.Index(got, r)
		if i < 0 {
			return false
		}
		got = slices.Delete(slices.Clone(got), i, i+1)
	}
	return len(got) == 0
}

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
	h, q := enginetest.NewHangFS(t), newEngineQueue(t, startEngine(t), nil)
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
	h, q := enginetest.NewHangFS(t), newEngineQueue(t, startEngine(t), nil)
	hung := hangs(t, h, 4*workers)
	local := []*call{
		newCall(engine.Request{Op: engine.OpFsync, FD: tempFile(t, "", 10, unix.O_RDWR)}),
		newCall(engine.Request{Op: engine.OpWrite, FD: tempFile(t, "", 10, unix.O_RDWR), Off: 1 << 20, Buf: []byte("x")}),
	}
	runtime.LockOSThread() // workers are a thread's
	defer runtime.UnlockOSThread()
	q.Submit(batchOf(hung...))
	hanging(t, h, len(hung))
	q.Submit(batchOf(local...))
	local[0].want(t, 0)
	local[1].want(t, 1)
	h.Release()
	for _, c := range hung {
		c.want(t, 1)
	}
}

// Queues of one share together have no more than its part of what may hang; another share has its own.
func TestShareOfSeveralQueues(t *testing.T) {
	const most = threads.HangThreads / 2
	h, e := enginetest.NewHangFS(t), startEngine(t)
	var calls []*call
	for _, of := range []struct {
		share string
		calls []*call
	}{{"a", hangs(t, h, most-10)}, {"a", hangs(t, h, most-10)}, {"b", hangs(t, h, 10)}} {
		newEngineQueue(t, e, of.share).Submit(batchOf(of.calls...))
		calls = append(calls, of.calls...)
	}
	hanging(t, h, most+10)
	h.Release()
	for _, c := range calls {
		c.want(t, 1)
	}
}
