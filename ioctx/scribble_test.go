package ioctx

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"
)

// client is a ring as a client maps it: the same pages at another address.
type client struct{ mem []byte }

// mapRing maps c's ring until the test ends. The context has had a submit.
func mapRing(t testing.TB, c *Kioctx) client {
	t.Helper()
	r := c.live.Load().ring
	mem, err := unix.Mmap(r.FD(), 0, r.Memory().Size(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	return client{mem}
}

// Offsets in struct aio_ring.
const (
	headAt = 8
	tailAt = 12
)

func (c client) tail() uint32              { return binary.NativeEndian.Uint32(c.mem[tailAt:]) }
func (c client) setHead(v uint32)          { c.scribble(headAt, v) }
func (c client) scribble(at int, v uint32) { binary.NativeEndian.PutUint32(c.mem[at:], v) }

// wantSlots fails the test unless every slot is somewhere once: free, in flight, or waiting to be reaped. Nothing runs meanwhile.
func wantSlots(t testing.TB, c *Kioctx) {
	t.Helper()
	l, nr := c.live.Load(), int64(c.NrEvents())
	free, active, done := l.reqsAvailable.Load(), c.reqsActive.Load(), int64(l.completedEvents)
	if free < 0 || active < 0 || free+active+done != nr {
		t.Fatalf("%d slots are free, %d in flight, %d not reaped, which is not %d", free, active, done, nr)
	}
}

// scribbler is a context whose client writes what it likes into its ring.
type scribbler struct {
	*env
	f    *fakeEngine
	c    *Kioctx
	s    *Submitter
	raw  *Reader
	text *Reader
	ring client
}

const scribbleNr = 5

// newScribbler makes one under a new number.
func newScribbler(e *env, f *fakeEngine) *scribbler {
	e.Helper()
	c, err := e.SetupNew(Owner{})
	if err == nil {
		err = c.SetNrEvents(scribbleNr)
	}
	if err != nil {
		e.Fatal(err)
	}
	e.submit(c, "noop\n")
	return &scribbler{e, f, c, e.submitter(c, true), e.reader(c, true, true), e.reader(c, false, true), mapRing(e, c)}
}

// step does one thing, which v decides upon.
func (s *scribbler) step(op byte, v uint32) {
	s.Helper()
	b := make([]byte, 3*eventSize)
	switch op % 6 {
	case 0:
		n, err := s.s.Write([]byte(strings.Repeat("noop\n", int(v%8))), self, nil)
		if n%5 != 0 || err != nil && !errors.Is(err, syscall.EAGAIN) {
			s.Fatalf("a write returned %d, %v", n, err)
		}
	case 1:
		s.f.finish(int(v%4), 0)
	case 2:
		if n, err := s.raw.Read(b, false, nil); n%eventSize != 0 || err != nil && err != syscall.EAGAIN {
			s.Fatalf("a read of events_raw returned %d, %v", n, err)
		}
	case 3:
		if _, err := s.text.Read(b[:v%90+1], false, nil); err != nil && err != syscall.EAGAIN {
			s.Fatalf("a read of events: %v", err)
		}
	case 4:
		s.ring.setHead(v)
	case 5:
		s.ring.scribble(int(v)%(len(s.ring.mem)/4)*4, v)
	}
	wantSlots(s, s.c)
	if n := len(s.f.inflight()); n > scribbleNr {
		s.Fatalf("%d requests are in flight of at most %d", n, scribbleNr)
	}
}

// Whatever a client writes into its ring while requests come and go, no slot is lost or made up.
func TestScribbleLive(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	s := newScribbler(e, f)
	for range 20000 {
		v := rand.Uint32()
		if v%2 == 0 {
			v >>= 27 // near what head can be
		}
		s.step(byte(rand.Uint32()), v)
	}
}

func FuzzScribbleLive(f *testing.F) {
	f.Add([]byte{0, 7, 0, 0, 0, 1, 3, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 7, 0, 0, 0, 2, 0, 0, 0, 0})
	f.Add([]byte{0, 5, 0, 0, 0, 1, 3, 0, 0, 0, 4, 2, 0, 0, 0, 0, 3, 0, 0, 0, 3, 40, 0, 0, 0, 5, 3, 0, 0, 0})
	fake := &fakeEngine{t: f}
	tab := NewTable(Config{Engine: fake})
	f.Cleanup(func() { tab.ExitAll(context.Background()) })
	f.Fuzz(func(t *testing.T, steps []byte) {
		s := newScribbler(&env{t, tab}, fake)
		for ; len(steps) >= 5; steps = steps[5:] {
			s.step(steps[0], binary.NativeEndian.Uint32(steps[1:]))
		}
		tab.Exit(s.c)
		<-s.c.gone
	})
}

// What is in flight has a count of its own: a ring that seems to hold the events already does not make the kill go on. Invariant 3.
func TestTheKillDoesNotBelieveTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{t: t, stubborn: true}
		e := &env{T: t, Table: NewTable(Config{Engine: f, NrEvents: 4})}
		c := e.setup(1)
		e.submit(c, "noop\nnoop\n")
		ring := mapRing(t, c)
		ring.setHead(c.live.Load().ring.Nr() - 2) // two events up to tail
		if err := e.Destroy(1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if calls := f.calls(); !slices.Equal(calls, []string{"submit", "cancel"}) {
			t.Errorf("%v with two requests in flight", calls)
		}
		f.finish(2, 0)
		<-c.gone
		e.ExitAll(context.Background())
	})
}

// tail is the daemon's own: who scribbles over the one that is shown loses nothing by it. Invariant 4.
func TestAScribbledTailIsNotBelieved(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 4)
	ring, r := mapRing(t, c), e.reader(c, true, true)
	defer r.Close()
	s := e.submitter(c, true)
	defer s.Close()
	for seq := uint64(1); seq < 1000; seq++ {
		f.finish(1, 0)
		ring.scribble(tailAt, rand.Uint32()>>rand.N(32))
		if ev := e.events(r, 1)[0]; ev.obj != seq {
			t.Fatalf("event %v, want that of %d", ev, seq)
		}
		e.write(s, "noop\n", 5, 0)
	}
}

// The scribbler's neighbour gets every event once, whatever goes on beside it.
func TestAScribblersNeighbourIsUnharmed(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		bad, good := e.setup(1), e.setup(2)
		for _, c := range []*Kioctx{bad, good} {
			if err := c.SetNrEvents(64); err != nil {
				t.Fatal(err)
			}
		}
		e.submit(bad, "noop\n")
		ring, stop := mapRing(t, bad), make(chan struct{})
		scribbles := begin(t, func() outcome {
			s, r := e.submitter(bad, true), e.reader(bad, false, true)
			b := make([]byte, 1000)
			for {
				select {
				case <-stop:
					return outcome{}
				default:
				}
				ring.scribble(rand.IntN(len(ring.mem)/4)*4, rand.Uint32())
				ring.scribble(headAt+4*rand.IntN(2), rand.Uint32())
				s.Write([]byte("noop\nnoop\nnoop\n"), self, nil)
				r.Read(b, false, nil)
			}
		})
		s, r := e.submitter(good, false), e.reader(good, true, false)
		for seq := uint64(1); seq <= 20000; {
			e.write(s, strings.Repeat("noop\n", 50), 250, 0)
			seen := make(map[uint64]bool)
			for _, ev := range e.events(r, 50) {
				if ev.obj < seq || ev.obj >= seq+50 || ev.data != ev.obj || ev.res != 0 || seen[ev.obj] {
					t.Fatalf("event %v, want one of %d to %d", ev, seq, seq+49)
				}
				seen[ev.obj] = true
			}
			seq += 50
		}
		close(stop)
		scribbles.want(0, 0)
	})
}
