package ioctx

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring/testenv"
)

// witness is an Attachment that looks at its context when it is told of an event.
type witness struct {
	t      *testing.T
	c      *Kioctx
	told   atomic.Int32
	closed atomic.Int32
}

func (w *witness) Notify() {
	w.told.Add(1)
	l := w.c.live.Load()
	for name, lock := range map[string]interface {
		TryLock() bool
		Unlock()
	}{"ctxLock": &w.c.ctxLock, "completionLock": &l.completionLock, "ringLock": &l.ringLock} {
		if !lock.TryLock() {
			w.t.Errorf("told under %s", name)
			continue
		}
		lock.Unlock()
	}
	if l.ring.Len() == 0 {
		w.t.Error("told of an event that is not there")
	}
}

func (w *witness) Close() { w.closed.Add(1) }

// An event is visible before anyone outside is told, and that happens outside every lock. Invariant 8.
func TestAnEventIsVisibleBeforeAnyoneIsTold(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	w := &witness{t: t, c: c}
	if err := c.Attach(w); err != nil {
		t.Fatal(err)
	}
	e.submit(c, "noop\nnoop\n")
	f.finish(2, 0)
	if n := w.told.Load(); n != 2 {
		t.Errorf("told %d times", n)
	}
	late := &witness{t: t, c: c}
	if err := c.Attach(late); err != nil || late.told.Load() != 1 {
		t.Errorf("attached to a ring with events: %v, told %d times", err, late.told.Load())
	}
	e.Exit(c)
	<-c.gone
	if w.closed.Load() != 1 || late.closed.Load() != 1 {
		t.Errorf("closed %d and %d times", w.closed.Load(), late.closed.Load())
	}
}

// newEventfd makes an eventfd that blocks.
func newEventfd(t *testing.T) int {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// readable says whether fd is within so many milliseconds, counted anew after each signal: the runtime sends some.
func readable(fd, msec int) bool {
	for {
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, msec); err != unix.EINTR {
			return n == 1
		}
	}
}

// wantCount reads an eventfd, for which it waits.
func wantCount(t *testing.T, fd int, want uint64) {
	t.Helper()
	var sum uint64
	for sum < want {
		if !readable(fd, int(testenv.Patience.Milliseconds())) {
			t.Fatalf("an eventfd has %d, want %d", sum, want)
		}
		var b [8]byte
		unix.Read(fd, b[:])
		sum += binary.NativeEndian.Uint64(b[:])
	}
	if sum != want || readable(fd, 0) {
		t.Errorf("an eventfd has %d or more, want %d", sum, want)
	}
}

// eventfdsGone waits until only the test has an eventfd open, and Go's poller its own.
func (e *env) eventfdsGone() {
	e.Helper()
	testenv.Eventually(e.T, "eventfds are closed", func() bool {
		n := 0
		for _, to := range testenv.OpenFiles() {
			if to == "anon_inode:[eventfd]" {
				n++
			}
		}
		return n <= 2
	})
}

// The eventfd of a request is signalled after its event is there.
func TestAnEventIsVisibleBeforeItsEventfd(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	fd := newEventfd(t)
	e.submit(c, packed(iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop), Flags: iocb.FlagResfd, Resfd: uint32(fd)}))
	l := c.live.Load()
	l.completionLock.Lock() // holds the event back
	finished := begin(t, func() outcome { return outcome{n: f.finish(1, 0)} })
	testenv.Eventually(t, "the completion is at its event", func() bool {
		free := c.ctxLock.TryLock()
		if free {
			c.ctxLock.Unlock()
		}
		return !free
	})
	if readable(fd, 20) {
		t.Error("signalled before the event is there")
	}
	l.completionLock.Unlock()
	finished.want(1, 0)
	wantCount(t, fd, 1)
	if l.ring.Len() != 1 {
		t.Error("no event")
	}
	e.eventfdsGone()
}

// A request that ends after the kill still signals its eventfd, as io_destroy lets it.
func TestARequestThatEndsAfterTheKillSignals(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	f.obey(false)
	c := e.setup(1)
	fd := newEventfd(t)
	cb := iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop), Flags: iocb.FlagResfd, Resfd: uint32(fd)}
	e.submit(c, packed(cb, cb, cb))
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	if readable(fd, 0) {
		t.Error("signalled before anything is over")
	}
	f.finish(3, 0)
	wantCount(t, fd, 3)
	<-c.gone
	e.eventfdsGone()
}
