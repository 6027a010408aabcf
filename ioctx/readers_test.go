package ioctx

import (
	"strings"
	"sync"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

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
				n, err := r.Read(b, false, newDeadline(testenv.Patience))
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
