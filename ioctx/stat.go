package ioctx

import (
	"fmt"
	"math/bits"
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

// latencyBuckets is how many there are: bucket i has what took less than 2^i microseconds and not less than 2^(i-1), the last one all
// from 2^(latencyBuckets-2), which is 67 seconds, on.
const latencyBuckets = 28

// maxErrno is the highest errno that a request completes with on Linux: EHWPOISON, of asm-generic/errno.h.
const maxErrno = 133

// opClass is what the operations of a class have a common latency for.
type opClass uint8

const (
	classRead opClass = iota
	classWrite
	classSync
	classPoll
	classNoop
	opClasses
)

var opClassNames = [opClasses]string{"read", "write", "sync", "poll", "noop"}

func opClassOf(cmd iocb.Cmd) opClass {
	switch cmd {
	case iocb.CmdPread, iocb.CmdPreadv:
		return classRead
	case iocb.CmdPwrite, iocb.CmdPwritev:
		return classWrite
	case iocb.CmdFsync, iocb.CmdFdsync:
		return classSync
	case iocb.CmdPoll:
		return classPoll
	}
	return classNoop
}

// tally counts requests that have completed. It needs no lock of its own and no atomics: completion holds ctxLock anyway.
type tally struct {
	nsec      [opClasses]uint64                 // time from acceptance to completion, in all
	latency   [opClasses][latencyBuckets]uint64 // requests
	failed    [maxErrno + 1]uint64              // requests, by errno; 0: an errno above maxErrno
	cancelled uint64                            // requests
	bytes     [opClasses]uint64                 // of reads and writes that did not fail
}

// add counts the end of a request that took nsec nanoseconds.
func (t *tally) add(cmd iocb.Cmd, res, nsec int64) {
	class := opClassOf(cmd)
	t.nsec[class] += uint64(nsec)
	t.latency[class][min(bits.Len64(uint64(nsec/1000)), latencyBuckets-1)]++
	switch {
	case res == -int64(syscall.ECANCELED):
		t.cancelled++
	case res < -maxErrno:
		t.failed[0]++
	case res < 0:
		t.failed[-res]++
	case class == classRead || class == classWrite:
		t.bytes[class] += uint64(res)
	}
}

// sum adds what another has counted.
func (t *tally) sum(o *tally) {
	for class := range opClasses {
		t.nsec[class] += o.nsec[class]
		t.bytes[class] += o.bytes[class]
		for i, n := range o.latency[class] {
			t.latency[class][i] += n
		}
	}
	for errno, n := range o.failed {
		t.failed[errno] += n
	}
	t.cancelled += o.cancelled
}

// completedOf is how many requests of a class have completed, failed and cancelled ones among them.
func (t *tally) completedOf(class opClass) (n uint64) {
	for _, in := range t.latency[class] {
		n += in
	}
	return n
}

func (t *tally) completed() (n uint64) {
	for class := range opClasses {
		n += t.completedOf(class)
	}
	return n
}

func (t *tally) allFailed() (n uint64) {
	for _, in := range t.failed {
		n += in
	}
	return n
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
