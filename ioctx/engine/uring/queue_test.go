package uring

import (
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/osthread"
	"github.com/aiofs/aiofs/ring/testenv"
)

func TestSteadyStateAllocatesNothing(t *testing.T) {
	const n, pages = 32, 64
	fd := tempFile(t, "", pages*page, unix.O_RDONLY)
	q, c := newTestQueue(t, start(t), n), newCounter()
	batch := reads(t, c, fd, pages, n)
	for i, r := range batch {
		if i%2 == 0 {
			r.Iov, r.Buf = [][]byte{r.Buf[:1000], r.Buf[1000:]}, nil
		}
	}
	c.submit(q, batch)
	if allocs := testing.AllocsPerRun(100, func() { c.submit(q, batch) }); allocs != 0 {
		t.Errorf("%v allocations for a batch of %d", allocs, n)
	}
	if res := c.res.Load(); res != page {
		t.Errorf("read %d", res)
	}
}

// What is not over when Submit returns is signalled, whether it completed while signals were off or after.
func TestNoWakeupIsLost(t *testing.T) {
	const rounds = 3000
	q := newTestQueue(t, start(t), 64)
	r, w := pipe(t)
	buf := mmap(t, 2)
	go func() {
		for range rounds {
			unix.Write(int(w), []byte("x"))
		}
	}()
	waits := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: buf[:1]})
	nop := newCall(engine.Request{Op: engine.OpNop})
	for range rounds {
		q.Submit(batchOf(nop, waits)) // nothing else is in flight, so it is a quiet one
		nop.want(t, 0)
		waits.want(t, 1)
	}
}

// What completes while signals are off is completed by the Submit that switched them off.
func TestCompletionWhileQuiet(t *testing.T) {
	q := newTestQueue(t, start(t), 64)
	r, w := pipe(t)
	waits := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	setEnter(q, func(fd int, submit, flags uint32) unix.Errno {
		q.ring.cqFlags.Store(cqEventfdDisabled) // also where the engine has no membarrier
		errno := enter(fd, submit, flags)
		unix.Write(int(w), []byte("x"))
		testenv.Eventually(t, "a completion", func() bool { return !q.ring.empty() })
		return errno
	})
	q.Submit(batchOf(waits))
	if len(waits.done) == 0 {
		t.Fatal("Submit left it")
	}
	waits.want(t, 1)
}

// Signals are off only while a Submit is under way, and only where it found nothing in flight.
func TestQuiet(t *testing.T) {
	q := newTestQueue(t, start(t), 64)
	if !q.eng.quiet {
		t.Skip("no membarrier")
	}
	var during []bool
	setEnter(q, func(fd int, submit, flags uint32) unix.Errno {
		during = append(during, q.ring.cqFlags.Load() == cqEventfdDisabled)
		return enter(fd, submit, flags)
	})
	r, w := pipe(t)
	waits := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	nop := newCall(engine.Request{Op: engine.OpNop})
	q.Submit(batchOf(waits))
	if q.ring.cqFlags.Load() != 0 {
		t.Error("signals are off after a Submit")
	}
	q.Submit(batchOf(nop))
	nop.want(t, 0)
	unix.Write(int(w), []byte("x"))
	waits.want(t, 1)
	if len(during) != 2 || !during[0] || during[1] {
		t.Errorf("signals off during the first and the second Submit: %v, want true and false", during)
	}
}

// To io_uring an offset of -1 is the file's own position.
func TestNegativeOffset(t *testing.T) {
	q := newTestQueue(t, start(t), 1)
	fd, buf := tempFile(t, "", page, unix.O_RDWR), mmap(t, 16)
	for _, op := range []engine.Op{engine.OpRead, engine.OpWrite} {
		c := newCall(engine.Request{Op: op, FD: fd, Off: -1, Buf: buf})
		q.Submit(batchOf(c))
		c.want(t, -int64(unix.EINVAL))
	}
}

func TestPoll(t *testing.T) {
	q := newTestQueue(t, start(t), 1)
	if n := q.Poll(); n != 0 {
		t.Fatalf("%d completions of nothing", n)
	}
	q.ring.cqFlags.Store(cqEventfdDisabled) // so that nobody but Poll sees it
	r, w := pipe(t)
	c := newCall(engine.Request{Op: engine.OpPoll, Class: engine.ClassStream, FD: r, Events: unix.POLLIN})
	q.mu.Lock()
	q.kernel++ // in whose view something else is in flight
	q.mu.Unlock()
	q.Submit(batchOf(c))
	unix.Write(int(w), []byte("x"))
	polled := 0
	testenv.Eventually(t, "a completion", func() bool { polled += q.Poll(); return polled > 0 })
	c.want(t, unix.POLLIN)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.kernel--; polled != 1 || q.kernel != 0 {
		t.Fatalf("polled %d, in flight %d", polled, q.kernel)
	}
}

// A cancel that comes late never hits the request that has the slot next.
func TestStaleCancel(t *testing.T) {
	q := newTestQueue(t, start(t), 1)
	r, w := pipe(t)
	first := newCall(engine.Request{Op: engine.OpPoll, Class: engine.ClassStream, FD: r, Events: unix.POLLIN})
	second := newCall(first.Request)
	second.Owner = second
	q.Submit(batchOf(first))
	q.mu.Lock()
	s := first.Private.(*slot)
	stale := s.userData()
	q.mu.Unlock()
	unix.Write(int(w), []byte("x"))
	first.want(t, unix.POLLIN)
	unix.Read(int(r), make([]byte, 1))

	testenv.Eventually(t, "the slot is free", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return s.place == placeFree
	})
	second.Events = unix.POLLIN
	q.Submit(batchOf(second))
	q.mu.Lock()
	again := second.Private == any(s)
	q.mu.Unlock()
	if !again {
		t.Fatal("the slot was not used again")
	}
	q.sq.Lock()
	e := q.ring.push()
	e.opcode, e.fd, e.addr, e.userData = opAsyncCancel, -1, stale, ofCancel
	q.ring.advance()
	var done slotList
	q.flush(&done)
	q.sq.Unlock()
	q.reap(done)
	q.Cancel(batchOf(first))
	if len(second.done) > 0 {
		t.Fatalf("completed with %d", second.wait(t))
	}
	unix.Write(int(w), []byte("x"))
	second.want(t, unix.POLLIN)
}

// Submit, Cancel and completion from all sides: each request completes once.
func TestRace(t *testing.T) {
	const goroutines, rounds = 8, 60
	q := newTestQueue(t, start(t), 256)
	var all sync.WaitGroup
	for range goroutines {
		r, w := pipe(t)
		buf := mmap(t, 8)
		all.Go(func() {
			for i := range rounds {
				var calls []*call
				for k := range 8 {
					calls = append(calls, newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: buf[k : k+1]}))
				}
				q.Submit(batchOf(calls...))
				var both sync.WaitGroup
				both.Go(func() { unix.Write(int(w), make([]byte, i%9)) })
				both.Go(func() { q.Cancel(batchOf(calls...)) })
				both.Wait()
				read := 0
				for _, c := range calls {
					if c.wait(t) == 1 {
						read++
					}
				}
				for ; read < i%9; read++ {
					unix.Read(int(r), make([]byte, 1))
				}
				for _, c := range calls {
					if len(c.done) > 0 {
						t.Error("completed twice")
					}
				}
			}
		})
	}
	all.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.kernel != 0 || !q.again.Empty() {
		t.Errorf("%d are with the kernel", q.kernel)
	}
}

// No thread with a request in flight is given away to be blocked or ended; others are, and so there come to be no more of them.
func TestSubmittersAreKnown(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // few threads, so that the next goroutine may well have the same
	q := newTestQueue(t, start(t), 1)
	submitter := 0
	setEnter(q, func(fd int, submit, flags uint32) unix.Errno {
		submitter = unix.Gettid() // Submit has locked the thread
		return enter(fd, submit, flags)
	})
	r, w := pipe(t)
	waits := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	nop := newCall(engine.Request{Op: engine.OpNop})
	given := func() int {
		tid := make(chan int)
		osthread.Go(func() { tid <- unix.Gettid() })
		return <-tid
	}
	again := false
	for range 50 {
		q.Submit(batchOf(waits))
		if tid := given(); tid == submitter {
			t.Fatalf("thread %d has a request in flight", tid)
		}
		unix.Write(int(w), []byte("x"))
		waits.want(t, 1)
		q.Submit(batchOf(nop))
		nop.want(t, 0)
		again = again || given() == submitter
	}
	if !again {
		t.Error("no thread that has ever submitted was given away")
	}
}

// The end of a thread that has submitted does nothing to requests that others have in flight. It is the kernel that is tested here:
// osthread relies on it.
func TestASubmitterMayEnd(t *testing.T) {
	q := newTestQueue(t, start(t), 2)
	r, w := pipe(t)
	waits := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	runtime.LockOSThread() // so that the others are other threads
	defer runtime.UnlockOSThread()
	q.Submit(batchOf(waits))
	for range 10 {
		ended := make(chan int, 1)
		osthread.Go(func() {
			nop := newCall(engine.Request{Op: engine.OpNop})
			q.Submit(batchOf(nop)) // which a no-op does not outlive
			if got := <-nop.done; got != 0 {
				t.Errorf("completed with %d", got)
			}
			ended <- unix.Gettid()
		})
		tid := <-ended
		testenv.Eventually(t, "the end of a thread", func() bool { return unix.Tgkill(unix.Getpid(), tid, 0) != nil })
	}
	if len(waits.done) > 0 {
		t.Fatalf("the read ended with %d", <-waits.done)
	}
	unix.Write(int(w), []byte("x"))
	waits.want(t, 1)
}
