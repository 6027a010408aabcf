package ioctx

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// counters are what stat shows of what happens beside the requests that were accepted. They only grow.
type counters struct {
	refused   atomic.Uint64
	cut       atomic.Uint64
	slotWaits atomic.Uint64
}

// snapshot is a context at one moment: an event that can be seen belongs to a request in tally, and every other request of submitted
// is in flight. What is in the ring and in flight is never more than nr_events, unless the client has moved head back.
type snapshot struct {
	submitted uint64
	inRing    uint32
	tally
}

// inFlight is what of submitted has not completed. It is not counted by itself, so the sum is always right.
func (s *snapshot) inFlight() uint64 { return s.submitted - s.completed() }

// snapshot needs ctxLock alone: requests are accepted, completed, and their events shown under it.
func (c *Kioctx) snapshot() (s snapshot) {
	inUse := c.get() == nil // else the ring may be gone
	if inUse {
		defer c.Put()
	}
	c.ctxLock.Lock()
	defer c.ctxLock.Unlock()
	s.submitted = c.seq
	if l := c.live.Load(); l != nil {
		s.tally = l.tally
		if inUse {
			s.inRing = l.ring.Len()
		}
	}
	return s
}

// Stat is the text of stat: a `KEY VALUE` a line, all of one moment. usec_lt_N counts requests that took less than N microseconds and
// not less than the key before it says. Keys are only ever added; those of errnos that have occurred are the last ones.
func (c *Kioctx) Stat() []byte {
	s, n := c.snapshot(), &c.stat
	b := fmt.Appendf(nil, `engine %s
nr_events %d
submitted %d
in_flight %d
in_ring %d
completed %d
failed %d
cancelled %d
refused %d
cut %d
slot_waits %d
read_bytes %d
write_bytes %d
`, c.table.cfg.Engine.Name(), c.NrEvents(), s.submitted, s.inFlight(), s.inRing, s.completed(), s.allFailed(), s.cancelled,
		n.refused.Load(), n.cut.Load(), n.slotWaits.Load(), s.bytes[classRead], s.bytes[classWrite])
	return s.tally.appendErrnos(s.tally.appendLatency(b))
}

func (t *tally) appendLatency(b []byte) []byte {
	nsec := uint64(0)
	for _, n := range t.nsec {
		nsec += n
	}
	b = fmt.Appendf(b, "usec_sum %d\n", nsec/1000)
	for i := range latencyBuckets {
		n := uint64(0)
		for class := range opClasses {
			n += t.latency[class][i]
		}
		if i == latencyBuckets-1 {
			b = fmt.Appendf(b, "usec_more %d\n", n)
		} else {
			b = fmt.Appendf(b, "usec_lt_%d %d\n", 1<<i, n)
		}
	}
	return b
}

func (t *tally) appendErrnos(b []byte) []byte {
	for errno, n := range t.failed {
		if n > 0 {
			b = fmt.Appendf(b, "failed_%s %d\n", errnoKey(errno), n)
		}
	}
	return b
}

// errnoKey is the name of an index of tally.failed.
func errnoKey(errno int) string {
	if errno == 0 {
		return "other"
	}
	return iocb.ErrnoName(syscall.Errno(errno))
}
