package ioctx

import (
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// info is what the text of an event says and its struct io_event does not.
type info struct {
	seq  uint64
	usec int64
	path string
	cmd  iocb.Cmd
}

// claim decides by one compare-and-swap who completes the request.
func (k *kiocb) claim() bool { return k.completed.CompareAndSwap(false, true) }

// Complete is called by the engine.
func (k *kiocb) Complete(res int64) {
	switch {
	case !k.claim():
	case res > 0 && k.mem.space != nil && (k.req.Cmd == iocb.CmdPread || k.req.Cmd == iocb.CmdPreadv):
		k.ctx.copier.add(k, res)
	default:
		k.complete(res)
	}
}

// complete is aio_complete, for who has claimed the request: its event is put into the ring and becomes visible, then the request
// stops counting as in flight, then whoever waits is woken.
func (k *kiocb) complete(res int64) {
	c := k.ctx
	// From the last decrement on the context may be freed; the section keeps it until it has been touched for the last time.
	r := c.table.rcu.ReadLock()
	defer r.Unlock()

	if k.req.Mem == iocb.MemOut && k.out != nil {
		c.outs.publish(k.out, res) // before the event says that it is there
	}
	k.dropResources()

	// Unlinked under the lock that a cancel holds while it takes its references, and counted under the lock that stat takes: it
	// never sees an event of a request that is in flight, nor the other way round.
	l, nsec := c.live.Load(), now()-k.begun
	c.ctxLock.Lock()
	c.active.del(k)
	l.tally.add(k.req.Cmd, res, nsec)
	in, returned := l.putEvent(k, res, nsec/1000)
	c.ctxLock.Unlock()

	if c.reqsActive.Add(-1) == 0 {
		c.wakeFree()
	}
	// Another reader may have taken the event already. Then who waits for the end of file waits for this wakeup all the same.
	c.wait.wake(max(int(in), 1))
	c.attached.notify()
	if returned > 0 {
		c.writers.wakeAll()
	}
	if k.event != nil {
		k.event.signal()
		k.dropEvent()
	}
	k.put()
}

// putEvent is the part of aio_complete under completion_lock. It returns how many events are in the ring now and how many slots
// came back.
func (l *live) putEvent(k *kiocb, res, usec int64) (in, returned uint32) {
	l.completionLock.Lock()
	defer l.completionLock.Unlock()
	i := l.ring.Put(ring.IOEvent{Data: k.tag, Obj: k.seq, Res: res})
	l.infos[i] = info{seq: k.seq, usec: usec, path: k.req.Path, cmd: k.req.Cmd}
	l.completedEvents++
	returned = l.refill()
	return l.ring.Len(), returned
}
