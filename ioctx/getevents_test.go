package ioctx

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
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

// Each event goes to one of the waiters, and every waiter gets one.
func TestManyReadersNoneIsLost(t *testing.T) {
	for _, text := range []string{"", "min=1", "min=1 timeout=1h"} {
		t.Run(text, func(t *testing.T) {
			e, f := fakeEnv(t, Config{})
			c := e.setup(1)
			const readers = 20
			var calls []*call
			for range readers {
				r := e.reader(c, true, false)
				if text != "" {
					r = e.configured(c, true, false, text)
				}
				calls = append(calls, beginRead(t, r, eventSize, nil))
			}
			asleep(t, &c.wait, readers)
			e.submit(c, strings.Repeat("noop\n", readers))
			for left := readers; left > 0; {
				n := min(left, 3)
				f.finish(n, 0)
				left -= n
			}
			seen := make(map[string]bool)
			for _, r := range calls {
				o := r.wait()
				if o.n != eventSize || o.err != nil || seen[o.data] {
					t.Errorf("a reader got %d bytes, %v; seen before: %v", o.n, o.err, seen[o.data])
				}
				seen[o.data] = true
			}
		})
	}
}

// However many read at once, each event is one's.
func TestReadersShareARing(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	for range 5 {
		e.submit(c, strings.Repeat("noop\n", 1000))
		f.finish(1000, 0)
		var mu sync.Mutex
		seen := make(map[uint64]int)
		var readers sync.WaitGroup
		for range 8 {
			r := e.reader(c, true, true)
			defer r.Close()
			readers.Go(func() {
				b := make([]byte, 2*eventSize)
				for {
					n, err := r.Read(b, false, nil)
					if n == 0 || err != nil {
						return
					}
					mu.Lock()
					for _, ev := range parseEvents(b[:n]) {
						seen[ev.obj]++
					}
					mu.Unlock()
				}
			})
		}
		readers.Wait()
		if len(seen) != 1000 {
			t.Errorf("%d events of 1000", len(seen))
		}
		for seq, n := range seen {
			if n != 1 {
				t.Fatalf("the event of %d was read %d times", seq, n)
			}
		}
	}
}

// Two that wait for two each: who comes too late waits again, and is not told that there is nothing.
func TestGeteventsCompete(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	for range 50 {
		both := make(chan outcome, 2)
		for range 2 {
			r := e.configured(c, true, false, "min=2")
			defer r.Close()
			go func() {
				b := make([]byte, 2*eventSize)
				n, err := r.Read(b, false, newDeadline(patience))
				both <- outcome{n: n, err: err}
			}()
		}
		asleep(t, &c.wait, 2)
		e.submit(c, "noop\nnoop\nnoop\nnoop\n")
		f.finish(3, 0)
		first := <-both
		f.finish(1, 0)
		for _, o := range []outcome{first, <-both} {
			if o.n != 2*eventSize || o.err != nil {
				t.Fatalf("a waiter for two events got %d bytes, %v", o.n, o.err)
			}
		}
	}
}

// A line that does not fit is delivered in pieces to its descriptor, and none of it is lost or goes elsewhere.
func TestALineOverSmallReads(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r, other := e.reader(c, false, true), e.reader(c, false, true)
	defer r.Close()
	defer other.Close()
	e.submit(c, "noop tag=111\nnoop tag=222\nnoop tag=333\n")
	f.finish(3, 0)
	first := e.read(r, 5)
	if first != "111 0" {
		t.Fatalf("read %q", first)
	}
	e.wantStat(c, "in_ring", 2) // taken with its first byte
	rest := e.read(other, 1000)
	if !regexp.MustCompile(`^222 .*\n333 .*\n$`).MatchString(rest) {
		t.Errorf("the other descriptor read %q", rest)
	}
	var line strings.Builder
	line.WriteString(first)
	for !strings.HasSuffix(line.String(), "\n") {
		line.WriteString(e.read(r, 3))
	}
	if !regexp.MustCompile(`^111 0 - seq=1 op=noop usec=\d+\n$`).MatchString(line.String()) {
		t.Errorf("in pieces: %q", line.String())
	}
	if more := e.read(r, 3); more != "" { // the end of file: submit was closed
		t.Errorf("%q after the line", more)
	}
}

// A read brings whole lines, as long as there is one.
func TestOnlyWholeLinesAfterTheFirst(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, false, true)
	defer r.Close()
	e.submit(c, "noop\nnoop\nnoop\n")
	f.finish(3, 0)
	got := e.read(r, 60) // a line has about 30 bytes
	if !strings.HasSuffix(got, "\n") {
		t.Errorf("a piece of a line behind a whole one: %q", got)
	}
	n := strings.Count(got, "\n")
	if rest := e.read(r, 1000); n+strings.Count(rest, "\n") != 3 {
		t.Errorf("%q and %q are not three lines", got, rest)
	}
}

// The rest of a read(2) that the kernel has split never waits.
func TestMoreDoesNotWait(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\nnoop\n")
	for _, r := range []*Reader{e.reader(c, false, false), e.reader(c, true, false), e.configured(c, true, false, "min=1")} {
		b := make([]byte, 200)
		if n, err := r.Read(b, true, nil); n != 0 || err != nil {
			t.Errorf("more of nothing: %d, %v", n, err)
		}
		e.submit(c, "noop\n")
		f.finish(1, 0)
		if n, err := r.Read(b, true, nil); n < eventSize-5 || err != nil {
			t.Errorf("more of an event: %d, %v", n, err)
		}
		r.Close()
	}
}

// A path in an event stays on its line.
func TestAPathInAnEvent(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "pread /no such/a\nb\\c\x00")
	if got := e.cat(c); !strings.HasSuffix(got, " /no such/a\\012b\\134c\n") {
		t.Errorf("events %q", got)
	}
}
