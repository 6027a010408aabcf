package ioctx

import (
	"strings"
	"syscall"
	"testing"
)

// end fails the test unless r is at the end of file.
func (e *env) end(what string, r *Reader) {
	e.Helper()
	if got := e.read(r, 1000); got != "" {
		e.Errorf("%s: read %q, want the end of file", what, got)
	}
}

// noEnd fails the test where r, which is nonblocking, is at the end of file, or has something to read.
func (e *env) noEnd(what string, r *Reader) {
	e.Helper()
	n, err := r.Read(make([]byte, 1000), false, nil)
	if n != 0 || err != syscall.EAGAIN {
		e.Errorf("%s: %d, %v, want EAGAIN", what, n, err)
	}
}

// The end of file comes only where nobody can submit, nothing is in flight and the ring is empty.
func TestTheEndComesWhenAllIsDone(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, true, true)
	defer r.Close()
	e.noEnd("nobody was there yet", r)
	a, b := e.submitter(c, false), e.submitter(c, false)
	e.write(a, "noop\nnoop\n", 10, 0)
	f.finish(1, 0)
	e.events(r, 1)
	e.noEnd("two have it open", r)
	a.Close()
	e.noEnd("one has it open", r)
	b.Close()
	e.noEnd("one is in flight", r)
	f.finish(1, 0)
	e.events(r, 1)
	e.end("all is done", r)
	e.noEnd("it was told", r)
}

// A reader that waits is woken by whatever comes last: the close, the completion, or another reader's taking the last event.
func TestTheEndWakesWhoWaits(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	open := func() (*Submitter, *Reader, *call) {
		s, r := e.submitter(c, false), e.reader(c, true, false)
		got := beginRead(t, r, eventSize, nil)
		asleep(t, &c.wait, 1)
		return s, r, got
	}
	s, r, got := open()
	s.Close()
	got.want(0, 0)
	r.Close()

	// The event that ends the wait is another's: who wakes up for it finds the end.
	s, r, got = open()
	other := e.reader(c, true, true)
	e.write(s, "noop\nnoop\n", 10, 0)
	s.Close()
	f.finish(2, 0)
	o := got.wait()
	total := o.n
	total += len(e.read(other, 10*eventSize))
	if total != 2*eventSize {
		t.Errorf("%d bytes of two events", total)
	}
	e.end("of the other", other)
	e.end("of the one", r)
	r.Close()
	other.Close()
}

// The last event can be gone before its completion has counted what is in the ring, when another reader was that fast. Who waits
// for the end is woken all the same. Here a client's head takes the event the moment that it appears.
func TestTheEndAfterAnEventThatWasTakenAtOnce(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	s, r := e.submitter(c, false), e.reader(c, true, false)
	defer r.Close()
	e.write(s, "noop\n", 5, 0)
	s.Close()
	got := beginRead(t, r, eventSize, nil)
	asleep(t, &c.wait, 1)
	client := mapRing(t, c)
	client.setHead(client.tail() + 1)
	f.finish(1, 0)
	got.want(0, 0)
}

// Every descriptor of events that is open at the last close is told, once; one opened later is not.
func TestEveryOpenDescriptorIsToldOnce(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	c := e.setup(1)
	a, b := e.reader(c, false, true), e.reader(c, true, true)
	defer a.Close()
	defer b.Close()
	e.submitter(c, false).Close()
	late := e.reader(c, false, true)
	defer late.Close()
	e.noEnd("opened after the close", late)
	for _, r := range []*Reader{a, b} {
		e.end("open at the close", r)
		e.noEnd("told once", r)
	}
}

// Where no descriptor of events is open, the next one opened is told, and only that.
func TestTheNextOneOpenedIsTold(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	c := e.setup(1)
	e.reader(c, false, true).Close() // was open before, and is not any more
	e.submitter(c, false).Close()
	next, other := e.reader(c, false, true), e.reader(c, false, true)
	defer next.Close()
	defer other.Close()
	e.noEnd("the second", other)
	e.end("the next one opened", next)
	e.noEnd("told once", next)
}

// The last close of a reader is known some time after it. What a later close of submit owes does not get lost in a reader that was
// closed by then, as in `cat events; echo noop > submit; cat events`.
func TestALateCloseTakesNoEnd(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	c := e.setup(1)
	first := e.reader(c, false, true)
	first.Flush()
	e.submitter(c, false).Close()
	second := e.reader(c, false, true)
	defer second.Close()
	first.Close()
	e.end("opened after the flush", second)
	e.noEnd("told once", second)
}

// But a reader of which a duplicate was closed, as shells do, may be open: then the end is its own, and no other's.
func TestADuplicateKeepsTheEnd(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, false, true)
	defer r.Close()
	r.Flush()
	e.submitter(c, false).Close()
	e.end("open after the flush", r)
	next := e.reader(c, false, true)
	defer next.Close()
	e.noEnd("opened after it was told", next)
}

// A reader that reads while a duplicate is closed is open.
func TestAReadGoesOnThroughAFlush(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, false, false)
	defer r.Close()
	got := beginRead(t, r, eventSize, nil)
	asleep(t, &c.wait, 1)
	r.Flush()
	e.submitter(c, false).Close()
	got.want(0, 0)
	next := e.reader(c, false, true)
	defer next.Close()
	e.noEnd("opened after it was told", next)
}

// Once for each time that the last descriptor of submit was closed, not once for each close.
func TestOnceForEachTime(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, false, true)
	defer r.Close()
	for range 3 {
		a, b := e.submitter(c, false), e.submitter(c, false)
		a.Close()
		b.Close()
	}
	for range 3 {
		e.end("one of three", r)
	}
	e.noEnd("a fourth", r)

	// The same where nobody listens meanwhile.
	r.Close()
	for range 2 {
		e.submitter(c, false).Close()
	}
	next := e.reader(c, false, true)
	defer next.Close()
	for range 2 {
		e.end("one of two", next)
	}
	e.noEnd("a third", next)
}

// An end that is owed waits while submit is open again, and comes after what was submitted then.
func TestAnOwedEndWaitsForTheWriter(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, true, true)
	defer r.Close()
	e.submitter(c, false).Close()
	s := e.submitter(c, false)
	e.write(s, "noop\n", 5, 0)
	e.noEnd("open again", r)
	s.Close()
	f.finish(1, 0)
	e.events(r, 1)
	e.end("the first", r)
	e.end("the second", r)
	e.noEnd("a third", r)
}

// io_getevents knows no end of file: it waits for its events or its time.
func TestGeteventsHasNoEnd(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.configured(c, true, false, "min=1")
	defer r.Close()
	e.submit(c, "noop\n")
	got := beginRead(t, r, eventSize, nil)
	asleep(t, &c.wait, 1)
	got.runs()
	f.finish(1, 0)
	got.want(eventSize, 0)
}

// cat requests > submit & cat events; echo > submit; cat events: over and over, each ends by itself with its own events.
func TestCatEndsByItself(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		for i := range 100 {
			started := make(chan struct{})
			writer := begin(t, func() outcome {
				s := e.submitter(c, false)
				defer s.Close()
				close(started)
				n, err := s.Write([]byte("noop\nnoop\nnoop\n"), self, nil)
				return outcome{n: n, err: err}
			})
			if i%2 == 0 {
				<-started
			} else {
				writer.want(15, 0)
			}
			if got := e.cat(c); strings.Count(got, "\n") != 3 {
				t.Fatalf("cat %d read %q", i, got)
			}
			if i%2 == 0 {
				writer.want(15, 0)
			}
		}
	})
}
