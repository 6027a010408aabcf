package threads

import (
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A thousand readers of one pipe are woken one at a time.
func TestOneReaderTries(t *testing.T) {
	e := testEngine(t)
	r, w := testPipe(t, 4096)
	const readers = 1000
	var completed atomic.Int32
	own := &owner{res: make(chan int64, readers), with: func() { completed.Add(1) }}
	q := &queue{engine: e}
	var batch []*engine.Request
	for range readers {
		batch = append(batch, &engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: int32(r), Buf: make([]byte, 1), Owner: own})
	}
	q.Submit(batch)
	testenv.Eventually(t, "all wait", func() bool { return e.poller.waiting() == readers })
	before := e.poller.armed()
	for range 10 {
		want := completed.Load() + 1
		unix.Write(w, []byte("x"))
		testenv.Eventually(t, "one has read", func() bool { return completed.Load() == want })
	}
	if n := e.poller.armed() - before; n > 30 {
		t.Errorf("%d times armed for 10 bytes", n)
	}
	if n := e.poller.waiting(); n != readers-10 {
		t.Errorf("%d wait", n)
	}
	q.Cancel(batch)
}

// waiting counts who waits or tries.
func (p *poller) waiting() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.watches {
		for d := range w.turn {
			for range w.turn[d].waiting.All() {
				n++
			}
		}
	}
	return n
}

func (p *poller) armed() int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gen
}

// prepared makes an op that nothing has been done with.
func prepared(e *Engine, r engine.Request) (*op, *owner) {
	own := newOwner()
	r.Owner = own
	o := newOp()
	o.prepare(&queue{engine: e}, &r)
	return o, own
}

// A cancel that comes while an op is on its way from one place to another is not lost.
func TestCancelBetweenPlaces(t *testing.T) {
	e := testEngine(t)
	r, w := testPipe(t, 4096)
	for _, req := range []engine.Request{
		{Op: engine.OpRead, Class: engine.ClassStream, FD: int32(r), Buf: make([]byte, 10)},
		{Op: engine.OpPoll, Class: engine.ClassHang, FD: int32(r), Events: unix.POLLIN},
	} {
		o, own := prepared(e, req)
		o.cancel()
		runs(t, e.pool, engine.ClassLocal, "s", o.run)
		if res := <-own.res; res != -int64(unix.ECANCELED) {
			t.Errorf("op %d: %d, want ECANCELED", req.Op, res)
		}
	}
	o, _ := prepared(e, engine.Request{Op: engine.OpPoll, FD: int32(r), Events: unix.POLLIN})
	o.cancel()
	if errno := e.poller.wait(o, unix.POLLIN); errno != unix.ECANCELED {
		t.Errorf("wait: %v, want ECANCELED", errno)
	}

	unix.Write(w, []byte("kept"))
	o, own := prepared(e, engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: int32(r), Buf: make([]byte, 10)})
	o.cancel()
	runs(t, e.pool, engine.ClassLocal, "s", o.run)
	if res := <-own.res; res != -int64(unix.ECANCELED) {
		t.Errorf("a read canceled before it began: %d, want ECANCELED", res)
	}
}

// What epoll_wait brought of an earlier use of a descriptor says nothing of this one.
func TestOldEventIsIgnored(t *testing.T) {
	e := testEngine(t)
	r, w := testPipe(t, 4096)
	o, own := prepared(e, engine.Request{Op: engine.OpPoll, FD: int32(r), Events: unix.POLLIN})
	o.start()
	e.poller.came(&unix.EpollEvent{Events: unix.POLLIN, Fd: int32(r), Pad: e.poller.armed() - 1})
	if len(own.res) > 0 {
		t.Error("an old event ended a poll")
	}
	unix.Write(w, []byte("x"))
	<-own.res
}

// While a request tries, its file's readiness neither keeps the poller busy nor gives another the turn.
func TestNobodyElseTries(t *testing.T) {
	p := testPool(t, 2, 2, 2)
	e := New(p)
	defer e.Close()
	h := newHanger(t)
	h.hang(p, engine.ClassStream, "a", 1)
	h.hang(p, engine.ClassStream, "b", 1)
	r, w := testPipe(t, 4096)
	unix.Write(w, []byte("xy"))
	read := engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: int32(r), Buf: make([]byte, 1)}
	first, own1 := prepared(e, read)
	second, own2 := prepared(e, read)
	if errno := e.poller.wait(first, unix.POLLIN); errno != 0 {
		t.Fatal(errno)
	}
	testenv.Eventually(t, "the first's turn", func() bool { return e.poller.triesOf(r) == first })
	if errno := e.poller.wait(second, unix.POLLIN); errno != 0 {
		t.Fatal(errno)
	}
	poll, polled := prepared(e, engine.Request{Op: engine.OpPoll, FD: int32(r), Events: unix.POLLIN})
	poll.start()
	<-polled.res
	if e.poller.triesOf(r) != first || e.poller.waiting() != 1 {
		t.Error("the second had its turn while the first did")
	}
	for range 100 {
		if n, _ := unix.EpollWait(e.poller.epoll, make([]unix.EpollEvent, 1), 0); n > 0 {
			t.Fatal("the epoll goes on reporting")
		}
	}
	h.free()
	if a, b := <-own1.res, <-own2.res; a != 1 || b != 1 {
		t.Errorf("read %d and %d", a, b)
	}
}

// triesOf is who reads fd.
func (p *poller) triesOf(fd int) *op {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.watches[int32(fd)]; w != nil {
		return w.turn[reading].trying
	}
	return nil
}
