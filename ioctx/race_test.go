package ioctx

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine/enginetest"
	"github.com/aiofs/aiofs/ring/testenv"
)

const (
	raceNumbers = 6  // contexts that everybody fights for
	raceNr      = 32 // events of each context
	raceHung    = 4  // reads that hang, in all
)

// race is what the goroutines of TestKillRace have in common.
type race struct {
	*env
	hang   *enginetest.HangFS
	text   string // the content of file
	file   string
	fifo   string
	fifoIn *os.File
	over   chan struct{}

	mu       sync.Mutex
	hung     int                             // guarded by mu
	contexts map[*Kioctx]map[uint64]struct{} // guarded by mu; with the seq of each event that was read
	freed    int                             // guarded by mu
}

// TestKillRace races lookups, submits, reads, cancels and all else against kills and setups of the same numbers. Every request that
// was accepted completes once, or its context was killed; in builds with the race detector a touch of what was freed is a
// SIGSEGV; and in the end nothing is left.
func TestKillRace(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		r := newRace(t, e)
		var workers sync.WaitGroup
		for _, w := range []struct {
			n    int
			work func()
		}{
			{2, r.setup}, {2, r.rmdir}, {3, r.lastClose}, {3, r.submitText}, {2, r.submitBinary}, {3, r.read}, {1, r.cancel},
			{1, r.memory}, {1, r.slots}, {1, r.look},
		} {
			for range w.n {
				workers.Go(func() {
					for !r.isOver() {
						w.work()
					}
				})
			}
		}
		time.AfterFunc(*raceTime, func() { close(r.over) })
		<-r.over
		r.finish(&workers)
	})
}

func newRace(t *testing.T, e *env) *race {
	r := &race{env: e, over: make(chan struct{}), contexts: make(map[*Kioctx]map[uint64]struct{})}
	r.hang = enginetest.NewHangFS(t)
	r.text = strings.Repeat("0123456789abcdef", 4096)
	r.file = tempFile(t, r.text)
	r.fifo, r.fifoIn = tempFIFO(t)
	e.nextID = 1000 // what SetupNew makes is not fought for by number
	return r
}

func (r *race) isOver() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// finish ends what waits, and then everything, as an unmount does.
func (r *race) finish(workers *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		workers.Wait()
	}()
	testenv.Eventually(r.T, "the goroutines end", func() bool {
		for _, c := range r.live() {
			r.Exit(c)
		}
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	r.hang.Release()
	ctx, stop := context.WithTimeout(context.Background(), testenv.Patience)
	defer stop()
	if left := r.ExitAll(ctx); len(left) > 0 {
		r.Errorf("left in flight: %q", left)
	}
	r.sweep()
	if n := len(r.contexts); n > 0 {
		r.Errorf("%d contexts are not freed", n)
	}
	r.Logf("%d contexts", r.freed)
}

// made notes a new context.
func (r *race) made(c *Kioctx) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contexts[c] = make(map[uint64]struct{})
}

// delivered notes events of c. None comes twice.
func (r *race) delivered(c *Kioctx, raw []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.contexts[c]
	for ; len(raw) > 0; raw = raw[eventSize:] {
		seq := binary.NativeEndian.Uint64(raw[8:])
		if _, again := seen[seq]; again {
			r.Errorf("request %d of context %d has two events", seq, c.Serial())
		}
		if seen != nil { // nil: it was freed and checked meanwhile
			seen[seq] = struct{}{}
		}
	}
}

// sweep checks the contexts that are freed: each request accepted has completed once.
func (r *race) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, seen := range r.contexts {
		select {
		case <-c.gone:
		default:
			continue
		}
		delete(r.contexts, c)
		r.freed++
		if s := c.snapshot(); s.submitted != s.completed() || uint64(len(seen)) > s.completed() {
			r.Errorf("context %d: %d accepted, %d completed, %d read", c.Serial(), s.submitted, s.completed(), len(seen))
		}
		if !c.active.Empty() || c.users.Load() != 0 || c.starting.Load() != 0 {
			r.Errorf("context %d was freed in use", c.Serial())
		}
	}
}

// may fails the test unless err is one of those that a race can end with.
func (r *race) may(what string, err error, errnos ...syscall.Errno) bool {
	if err == nil {
		return true
	}
	for _, errno := range append(errnos, syscall.EINVAL) { // the kill
		if errors.Is(err, errno) {
			return false
		}
	}
	r.Errorf("%s: %v", what, err)
	return false
}

// find looks one of the contexts up that all fight for; nil: it is not there.
func (r *race) find() *Kioctx { return r.lookup(rand.Uint32N(raceNumbers)) }

// findAny is find among all.
func (r *race) findAny() *Kioctx {
	ids := r.IDs()
	if len(ids) == 0 {
		return nil
	}
	return r.lookup(ids[rand.N(len(ids))])
}

func (r *race) lookup(id uint32) *Kioctx {
	c, err := r.Lookup(id)
	if r.may("lookup", err, syscall.ENOENT) {
		return c
	}
	runtime.Gosched()
	return nil
}
