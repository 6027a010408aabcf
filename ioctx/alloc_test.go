//go:build !race

package ioctx

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// Steady state allocates nothing, for a request or for a batch, from the write to the ring and out of it. Only a call that sleeps makes
// its waiter. The race detector's sync.Pool drops what it is given, so these tests are left out there.
func TestRequestsDoNotAllocate(t *testing.T) {
	nop := iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop)}
	read := iocb.Iocb{LioOpcode: uint16(iocb.CmdPread), Nbytes: 4096, Flags: iocb.FlagFile | iocb.FlagBuf}
	for name, cb := range map[string]iocb.Iocb{"noop": nop, "pread": read} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, e *env) {
				c := e.setup(1)
				e.openSlot(c, 0, "rdonly", tempFile(t, strings.Repeat("x", 4096)))
				for _, n := range []int{1, 256} {
					if got := e.allocs(c, cb, n); got != 0 {
						t.Errorf("%v allocations for a batch of %d", got, n)
					}
				}
			})
		})
	}
}

// allocs is how often a batch of n allocates, from Submitter.Write to its last event.
func (e *env) allocs(c *Kioctx, cb iocb.Iocb, n int) float64 {
	e.Helper()
	var batch []byte
	for range n {
		batch = cb.AppendTo(batch)
	}
	s, r := e.submitter(c, false), e.reader(c, true, false)
	defer s.Close()
	defer r.Close()
	events := make([]byte, n*eventSize)
	run := func() {
		if done, err := s.Write(batch, self, nil); done != len(batch) || err != nil {
			e.Fatal(done, err)
		}
		for c.reqsActive.Load() > 0 {
			runtime.Gosched()
		}
		if got, err := r.Read(events, false, nil); got != len(events) || err != nil {
			e.Fatal(got, err)
		}
	}
	// A collection empties the pools; what fills them again is not a request's.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range 20 {
		run()
	}
	return testing.AllocsPerRun(200, run)
}
