package ioctx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

// outcome is what a read or a write returned.
type outcome struct {
	n    int
	err  error
	data string // of a read
}

// call is a read or a write that runs beside the test.
type call struct {
	t    testing.TB
	done chan outcome
}

// begin runs f beside the test.
func begin(t testing.TB, f func() outcome) *call {
	c := &call{t: t, done: make(chan outcome, 1)}
	go func() { c.done <- f() }()
	return c
}

// beginWrite writes beside the test.
func beginWrite(t testing.TB, s *Submitter, text string, intr Interrupt) *call {
	return begin(t, func() outcome {
		n, err := s.Write([]byte(text), self, intr)
		return outcome{n: n, err: err}
	})
}

// beginRead reads up to size bytes beside the test.
func beginRead(t testing.TB, r *Reader, size int, intr Interrupt) *call {
	return begin(t, func() outcome {
		b := make([]byte, size)
		n, err := r.Read(b, false, intr)
		return outcome{n, err, string(b[:n])}
	})
}

// wait returns the outcome.
func (c *call) wait() outcome {
	c.t.Helper()
	late := time.NewTimer(testenv.Patience)
	defer late.Stop()
	select {
	case o := <-c.done:
		return o
	case <-late.C:
		c.t.Fatal("a call does not return")
		panic("unreachable")
	}
}

// want fails the test unless the call returns n and errno, 0 being none.
func (c *call) want(n int, errno syscall.Errno) {
	c.t.Helper()
	if o := c.wait(); o.n != n || errno == 0 && o.err != nil || errno != 0 && !errors.Is(o.err, errno) {
		c.t.Errorf("a call returned %d, %v, want %d, %v", o.n, o.err, n, errno)
	}
}

// runs fails the test if the call has returned.
func (c *call) runs() {
	c.t.Helper()
	select {
	case o := <-c.done:
		c.t.Fatalf("a call returned %d, %v that should wait", o.n, o.err)
	default:
	}
}

// asleep waits until n waiters are on q. From then on no wakeup can miss them.
func asleep(t *testing.T, q *waitQueue, n int) {
	t.Helper()
	testenv.Eventually(t, "waiters are on the queue", func() bool { return int(q.n.Load()) == n })
}

// signal is an Interrupt that the test sends.
type signal struct {
	once sync.Once
	done chan struct{}
	ends atomic.Bool
	asks atomic.Int32 // how often Pending was asked
}

func newSignal() *signal { return &signal{done: make(chan struct{})} }

func (s *signal) Done() <-chan struct{} { return s.done }

func (s *signal) Pending() bool {
	s.asks.Add(1)
	return s.ends.Load()
}

// send sends a signal, which ends the call or is one of those that do not.
func (s *signal) send(ends bool) {
	s.ends.Store(ends)
	s.once.Do(func() { close(s.done) })
}

// write writes text and fails the test unless it returns n and errno, 0 being none.
func (e *env) write(s *Submitter, text string, n int, errno syscall.Errno) {
	e.Helper()
	got, err := s.Write([]byte(text), self, newDeadline(testenv.Patience))
	if got != n || errno == 0 && err != nil || errno != 0 && !errors.Is(err, errno) {
		e.Errorf("a write of %.60q returned %d, %v, want %d, %v", text, got, err, n, errno)
	}
}

// read reads once and fails the test where that fails.
func (e *env) read(r *Reader, size int) string {
	e.Helper()
	b := make([]byte, size)
	n, err := r.Read(b, false, newDeadline(testenv.Patience))
	if err != nil {
		e.Fatalf("events: %v", err)
	}
	return string(b[:n])
}

// stat is the value of one key of stat.
func (e *env) stat(c *Kioctx, key string) string {
	e.Helper()
	for line := range strings.Lines(string(c.Stat())) {
		if v, ok := strings.CutPrefix(line, key+" "); ok {
			return strings.TrimSuffix(v, "\n")
		}
	}
	e.Fatalf("no %s in stat", key)
	return ""
}

// wantStat fails the test unless key of stat is value.
func (e *env) wantStat(c *Kioctx, key string, value any) {
	e.Helper()
	if got, want := e.stat(c, key), fmt.Sprint(value); got != want {
		e.Errorf("%s is %s in stat, want %s", key, got, want)
	}
}

// ioEvent is a struct io_event without res2.
type ioEvent struct {
	data, obj uint64
	res       int64
}

// events reads n events of events_raw.
func (e *env) events(r *Reader, n int) (evs []ioEvent) {
	e.Helper()
	for len(evs) < n {
		b := []byte(e.read(r, (n-len(evs))*eventSize))
		if len(b) == 0 {
			e.Fatalf("end of file after %d events of %d", len(evs), n)
		}
		evs = append(evs, parseEvents(b)...)
	}
	return evs
}

// parseEvents takes struct io_event apart.
func parseEvents(b []byte) (evs []ioEvent) {
	for ; len(b) >= eventSize; b = b[eventSize:] {
		u := func(at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
		evs = append(evs, ioEvent{u(0), u(8), int64(u(16))})
		if u(24) != 0 {
			panic("res2 is not 0")
		}
	}
	return evs
}
