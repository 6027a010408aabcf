package ioctx

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// counters are what stat shows besides the state of the context. They only grow.
type counters struct {
	completed  atomic.Uint64
	failed     atomic.Uint64
	cancelled  atomic.Uint64
	refused    atomic.Uint64
	cut        atomic.Uint64
	slotWaits  atomic.Uint64
	readBytes  atomic.Uint64
	writeBytes atomic.Uint64
}

// completion counts the end of a request.
func (s *counters) completion(cmd iocb.Cmd, res int64) {
	s.completed.Add(1)
	switch {
	case res == -int64(syscall.ECANCELED):
		s.cancelled.Add(1)
	case res < 0:
		s.failed.Add(1)
	case cmd == iocb.CmdPread || cmd == iocb.CmdPreadv:
		s.readBytes.Add(uint64(res))
	case cmd == iocb.CmdPwrite || cmd == iocb.CmdPwritev:
		s.writeBytes.Add(uint64(res))
	}
}

// Stat is the text of stat: a `KEY VALUE` a line.
func (c *Kioctx) Stat() []byte {
	inRing := uint32(0)
	if c.get() == nil {
		if l := c.live.Load(); l != nil {
			inRing = l.ring.Len()
		}
		c.Put()
	}
	c.ctxLock.Lock()
	submitted := c.seq
	c.ctxLock.Unlock()
	s := &c.stat
	return fmt.Appendf(nil, `engine %s
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
`, c.table.cfg.Engine.Name(), c.NrEvents(), submitted, c.reqsActive.Load(), inRing, s.completed.Load(), s.failed.Load(),
		s.cancelled.Load(), s.refused.Load(), s.cut.Load(), s.slotWaits.Load(), s.readBytes.Load(), s.writeBytes.Load())
}

// Inflight is the text of inflight: a line for each request that is not completed, as in events, with `-` for RES and ERR, and usec the
// age.
func (c *Kioctx) Inflight() []byte {
	t := now()
	var b []byte
	c.ctxLock.Lock()
	defer c.ctxLock.Unlock()
	for k := c.active.first; k != nil; k = k.next {
		b = fmt.Appendf(b, "%d - -", k.tag)
		b = appendInfo(b, info{seq: k.seq, cmd: k.req.Cmd, path: k.req.Path, usec: (t - k.begun) / 1000})
	}
	return b
}
