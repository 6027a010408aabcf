package ioctx

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// full makes a context of nr events, all of which are in flight.
func full(e *env, nr int) *Kioctx {
	e.Helper()
	c := e.setup(1)
	if err := c.SetNrEvents(uint64(nr)); err != nil {
		e.Fatal(err)
	}
	e.submit(c, strings.Repeat("noop\n", nr))
	return c
}

// nr_events is the most that is in flight or not reaped; a completion alone makes no room, a reap does.
func TestNrEventsIsTheMostThatIsNotReaped(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 3)
	s, r := e.submitter(c, true), e.reader(c, true, true)
	defer s.Close()
	defer r.Close()
	e.write(s, "noop\n", 0, syscall.EAGAIN)
	f.finish(2, 0)
	e.write(s, "noop\n", 0, syscall.EAGAIN)
	e.wantStat(c, "in_flight", 1)
	e.wantStat(c, "in_ring", 2)
	if got := e.read(r, eventSize); len(got) != eventSize {
		t.Fatalf("read %d bytes", len(got))
	}
	e.write(s, "noop\nnoop\n", 5, 0) // the short count
	e.write(s, "noop\n", 0, syscall.EAGAIN)
	if n := len(e.read(r, 10*eventSize)); n != eventSize {
		t.Fatalf("read %d bytes", n)
	}
	f.finish(10, 0)
	if n := len(e.read(r, 10*eventSize)); n != 2*eventSize {
		t.Fatalf("read %d bytes", n)
	}
	e.write(s, "noop\nnoop\nnoop\nnoop\n", 15, 0)
	e.wantStat(c, "submitted", 7)
	if log := c.ErrorLog(); len(log) > 0 {
		t.Errorf("want of a slot is no refusal, but error_log has %q", log)
	}
}

func TestAWriterWaitsForASlot(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 2)
	s, r := e.submitter(c, false), e.reader(c, false, false)
	defer s.Close()
	defer r.Close()
	w := beginWrite(t, s, "noop\nnoop\nnoop\n", nil)
	for i := range uint64(3) {
		testenv.Eventually(t, "the writer waits again", func() bool { return c.stat.slotWaits.Load() == i+1 })
		w.runs()
		f.finish(1, 0)
		e.read(r, 100)
	}
	w.want(15, 0)
}

// What was accepted before a write waits is started: its events may be what it waits for.
func TestWhatWasTakenStartsBeforeTheWait(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 2)
	s, r := e.submitter(c, false), e.reader(c, true, false)
	defer s.Close()
	defer r.Close()
	f.finish(1, 0)
	e.read(r, eventSize)
	w := beginWrite(t, s, "noop tag=7\nnoop\n", nil)
	asleep(t, &c.writers, 1)
	if n := len(f.inflight()); n != 2 {
		t.Errorf("the engine has %d requests, want 2", n)
	}
	f.finish(2, 0)
	e.read(r, 2*eventSize)
	w.want(16, 0)
}

// Another descriptor's write does not wait behind one that waits for a slot, if it is not to wait itself.
func TestANonblockingWriteDoesNotWaitBehindAnother(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	c := full(e, 1)
	s, other := e.submitter(c, false), e.submitter(c, true)
	defer s.Close()
	defer other.Close()
	sig := newSignal()
	w := beginWrite(t, s, "noop\n", sig)
	asleep(t, &c.writers, 1)
	e.write(other, "noop\n", 0, syscall.EAGAIN)
	e.write(other, "nonsense\n", 0, syscall.EINVAL)
	e.write(other, "# nothing\n", 10, 0)
	sig.send(true)
	w.want(0, syscall.EINTR)
}

func TestASignalEndsTheWaitForASlot(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 2)
	s, r := e.submitter(c, false), e.reader(c, true, false)
	defer s.Close()
	defer r.Close()

	// Nothing was taken: EINTR, and nothing of the text is kept.
	sig := newSignal()
	w := beginWrite(t, s, "noop tag=1\nnoop tag=2\n", sig)
	asleep(t, &c.writers, 1)
	sig.send(true)
	w.want(0, syscall.EINTR)

	// Something was: the short count.
	f.finish(1, 0)
	e.read(r, eventSize)
	sig = newSignal()
	w = beginWrite(t, s, "noop tag=1\nnoop tag=2\n", sig)
	asleep(t, &c.writers, 1)
	sig.send(true)
	w.want(11, 0)
	e.wantStat(c, "submitted", 3)
	if log := c.ErrorLog(); len(log) > 0 {
		t.Errorf("error_log has %q", log)
	}
}

// SIGCHLD and its like go by; one that comes later ends the wait, though the kernel tells of the first only.
func TestAWaitGoesOnThroughHarmlessSignals(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 1)
	s, r := e.submitter(c, false), e.reader(c, true, false)
	defer s.Close()
	defer r.Close()
	sig := newSignal()
	w := beginWrite(t, s, "noop\n", sig)
	sig.send(false)
	testenv.Eventually(t, "the signal was looked at twice", func() bool { return sig.asks.Load() >= 2 })
	w.runs()
	f.finish(1, 0)
	e.read(r, eventSize)
	w.want(5, 0)

	sig = newSignal()
	w = beginWrite(t, s, "noop\n", sig)
	sig.send(false)
	testenv.Eventually(t, "the signal was looked at", func() bool { return sig.asks.Load() >= 1 })
	w.runs()
	sig.send(true)
	w.want(0, syscall.EINTR)
}

// A second write to the same descriptor waits for the first, like it for a slot, and a signal ends that wait as well.
func TestWritesToOneDescriptorTakeTurns(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 1)
	s, r := e.submitter(c, false), e.reader(c, true, false)
	defer s.Close()
	defer r.Close()
	first := beginWrite(t, s, "noop tag=1\nnoop tag=2\n", nil)
	asleep(t, &c.writers, 1)
	sig := newSignal()
	second, third := beginWrite(t, s, "noop tag=3\n", sig), beginWrite(t, s, "noop tag=4\n", nil)
	asleep(t, &s.sem.q, 2)
	sig.send(true)
	second.want(0, syscall.EINTR)
	for range 3 {
		testenv.Eventually(t, "a request is in flight", func() bool { return f.finish(1, 0) == 1 })
		e.read(r, eventSize)
	}
	first.want(22, 0)
	third.want(11, 0)
}

// Every writer that waits is woken, whoever gets the slot.
func TestManyWritersAllGetThrough(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := full(e, 2)
		const writers, each = 8, 50
		var calls []*call
		for i := range writers {
			calls = append(calls, begin(t, func() outcome {
				s := e.submitter(c, false)
				defer s.Close()
				var text strings.Builder
				for j := range each {
					fmt.Fprintf(&text, "noop tag=%d\n", 1000+i*each+j)
				}
				n, err := s.Write([]byte(text.String()), self, newDeadline(testenv.Patience))
				return outcome{n: n, err: err}
			}))
		}
		r := e.reader(c, true, false)
		defer r.Close()
		seen := 0
		for seen < writers*each+2 {
			seen += len(e.read(r, 64*eventSize)) / eventSize
		}
		for _, w := range calls {
			w.want(each*len("noop tag=1000\n"), 0)
		}
	})
}

// A reader who has mapped the ring reaps without telling; the next submit finds the slots.
func TestSlotsOfEventsThatAClientReaped(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 3)
	f.finish(3, 0)
	s := e.submitter(c, true)
	defer s.Close()
	e.write(s, "noop\n", 0, syscall.EAGAIN)
	client := mapRing(t, c)
	client.setHead(client.tail())
	e.write(s, strings.Repeat("noop\n", 4), 15, 0)
	e.wantStat(c, "submitted", 6)
}
