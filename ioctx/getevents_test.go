package ioctx

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// configured opens events with "min=M timeout=DUR" written to it.
func (e *env) configured(c *Kioctx, raw, nonblock bool, text string) *Reader {
	e.Helper()
	r := e.reader(c, raw, nonblock)
	if err := r.Configure([]byte(text)); err != nil {
		e.Fatal(err)
	}
	return r
}

func TestConfigure(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, true, false)
	defer r.Close()
	for _, bad := range []string{"", "min", "min=-1", "timeout=3", "min=1 min=2", "max=1", "timeout=-1s"} {
		wantErrno(t, bad, r.Configure([]byte(bad)), syscall.EINVAL)
	}
	if log := string(c.ErrorLog()); strings.Count(log, "\n") != 7 || !strings.HasPrefix(log, "events EINVAL ") {
		t.Errorf("error_log %q", log)
	}
	for _, step := range []struct {
		text    string
		min     int
		timeout time.Duration
	}{
		{"min=3\n", 3, -1},
		{"timeout=100ms", 3, 100 * time.Millisecond},
		{"min=0 timeout=inf", 0, -1},
	} {
		if err := r.Configure([]byte(step.text)); err != nil || r.min != step.min || r.timeout != step.timeout {
			t.Errorf("%q: min %d, timeout %v, %v", step.text, r.min, r.timeout, err)
		}
	}
}

// Without a wait io_getevents returns what there is.
func TestGeteventsThatDoesNotWait(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	for _, text := range []string{"min=0", "min=0 timeout=inf", "min=3 timeout=0s", "timeout=0s"} {
		r := e.configured(c, true, false, text)
		if got := e.read(r, 10*eventSize); got != "" {
			t.Errorf("%s: %d bytes of no event", text, len(got))
		}
		e.submit(c, "noop\nnoop\n")
		f.finish(2, 0)
		if got := e.read(r, 10*eventSize); len(got) != 2*eventSize {
			t.Errorf("%s: %d bytes of two events", text, len(got))
		}
		r.Close()
	}
}

func TestGeteventsRefuses(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\n")
	f.finish(1, 0)
	r := e.configured(c, true, false, "min=3")
	defer r.Close()
	for _, size := range []int{1, eventSize - 1, eventSize, 3*eventSize - 1} {
		_, err := r.Read(make([]byte, size), false, nil)
		wantErrno(t, fmt.Sprintf("min=3 of %d bytes", size), err, syscall.EINVAL)
	}
	stream := e.reader(c, true, false)
	defer stream.Close()
	for _, more := range []bool{false, true} {
		_, err := stream.Read(make([]byte, eventSize-1), more, nil)
		wantErrno(t, "31 bytes", err, syscall.EINVAL)
	}
	if n, err := stream.Read(nil, false, nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
	if evs := e.events(stream, 1); evs[0].obj != 1 {
		t.Errorf("the event is %v: a refused read has taken it", evs[0])
	}
}

func TestGeteventsNonblocking(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	stream, r := e.reader(c, false, true), e.configured(c, true, true, "min=2")
	defer stream.Close()
	defer r.Close()
	_, err := stream.Read(make([]byte, 100), false, nil)
	wantErrno(t, "an empty ring", err, syscall.EAGAIN)
	_, err = r.Read(make([]byte, 100), false, nil)
	wantErrno(t, "an empty ring, min=2", err, syscall.EAGAIN)
	e.submit(c, "noop\n")
	f.finish(1, 0)
	if got := e.read(r, 100); len(got) != eventSize {
		t.Errorf("%d bytes, want the one event", len(got))
	}
}

// A waiter with min=M sleeps on through M-1 events and takes all at once.
func TestGeteventsWaitsForItsMin(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.configured(c, true, false, "min=4")
	defer r.Close()
	e.submit(c, strings.Repeat("noop\n", 6))
	got := beginRead(t, r, 10*eventSize, nil)
	asleep(t, &c.wait, 1)
	for range 3 {
		f.finish(1, 0)
		got.runs()
	}
	f.finish(1, 0)
	got.want(4*eventSize, 0)
}

// With a timeout: the events there are when it is over, maybe none, and no sooner. In the bubble time is exact.
func TestGeteventsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{t: t}
		tab := NewTable(Config{Engine: f})
		e := &env{T: t, Table: tab}
		c := e.setup(1)
		e.submit(c, "noop\nnoop\nnoop\n")
		r := e.configured(c, true, false, "min=2 timeout=3s")
		start := time.Now()
		read := func(want int, took time.Duration) {
			t.Helper()
			start = time.Now()
			got := e.read(r, 10*eventSize)
			if d := time.Since(start); len(got) != want*eventSize || d != took {
				t.Errorf("%d bytes after %v, want %d events after %v", len(got), d, want, took)
			}
		}
		read(0, 3*time.Second)
		time.AfterFunc(time.Second, func() { f.finish(1, 0) })
		read(1, 3*time.Second)
		time.AfterFunc(time.Second, func() { f.finish(2, 0) })
		read(2, time.Second)
		e.Exit(c)
		<-c.gone
		tab.rcu.Barrier()
	})
}

func TestASignalEndsGetevents(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\nnoop\nnoop\n")
	for _, text := range []string{"", "min=2", "min=2 timeout=1h"} {
		r := e.reader(c, true, false)
		if text != "" {
			r = e.configured(c, true, false, text)
		}
		sig := newSignal()
		got := beginRead(t, r, 10*eventSize, sig)
		asleep(t, &c.wait, 1)
		sig.send(true)
		got.want(0, syscall.EINTR)
		r.Close()
	}
	// An event that is there is returned, not EINTR.
	r := e.configured(c, true, false, "min=2")
	defer r.Close()
	sig := newSignal()
	got := beginRead(t, r, 10*eventSize, sig)
	asleep(t, &c.wait, 1)
	f.finish(1, 0)
	got.runs()
	sig.send(true)
	got.want(eventSize, 0)
}
