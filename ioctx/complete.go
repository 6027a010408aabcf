package ioctx

import (
	"github.com/aiofs/aiofs/ioctx/engine"
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
	if k.ends(res) {
		k.complete(res)
	}
}

// CompleteBatch is called by the engine, for requests of one context.
func (*kiocb) CompleteBatch(batch []engine.Done) {
	ended := batch[:0]
	for _, d := range batch {
		if d.Owner.(*kiocb).ends(d.Res) {
			ended = append(ended, d)
		}
	}
	if len(ended) > 0 {
		ended[0].Owner.(*kiocb).ctx.completeAll(ended)
	}
}

// ends says whether the request has been claimed, and its completion is the caller's. What a read has brought for the caller's own
// memory is copied there first, and completed then.
func (k *kiocb) ends(res int64) bool {
	if !k.claim() {
		return false
	}
	if res > 0 && k.mem.space != nil && (k.req.Cmd == iocb.CmdPread || k.req.Cmd == iocb.CmdPreadv) {
		k.ctx.copier.add(k, res)
		return false
	}
	return true
}

// complete is completeAll of one.
func (k *kiocb) complete(res int64) { k.ctx.completeAll([]engine.Done{{Owner: k, Res: res}}) }

// completeAll is aio_complete, for who has claimed the requests: their events are put into the ring and become visible, then the
// requests stop counting as in flight, then whoever waits is woken.
func (c *Kioctx) completeAll(batch []engine.Done) {
	// From the last decrement on the context may be freed; the section keeps it until it has been touched for the last time.
	r := c.table.rcu.ReadLock()
	defer r.Unlock()

	for _, d := range batch {
		k := d.Owner.(*kiocb)
		if k.req.Mem == iocb.MemOut && k.out != nil {
			c.outs.publish(k.out, d.Res) // before the event says that it is there
		}
		k.dropResources()
	}
	in, returned := c.putEvents(batch)
	if c.reqsActive.Add(-int64(len(batch))) == 0 {
		c.wakeFree()
	}
	// Another reader may have taken the events already. Then who waits for the end of file waits for this wakeup all the same.
	c.wait.wake(max(int(in), 1))
	c.attached.notify()
	if returned > 0 {
		c.writers.wakeAll()
	}
	for _, d := range batch {
		k := d.Owner.(*kiocb)
		if k.event != nil {
			k.event.signal()
			k.dropEvent()
		}
		k.put()
	}
}

// putEvents is the part of aio_complete under completion_lock. It returns how many events are in the ring now and how many slots
// came back.
//
// Requests are unlinked under the lock that a cancel holds while it takes its references, and counted under the lock that stat takes:
// it never sees an event of a request that is in flight, nor the other way round.
func (c *Kioctx) putEvents(batch []engine.Done) (in, returned uint32) {
	l, t := c.live.Load(), now()
	c.ctxLock.Lock()
	defer c.ctxLock.Unlock()
	l.completionLock.Lock()
	defer l.completionLock.Unlock()
	for _, d := range batch {
		k := d.Owner.(*kiocb)
		nsec := t - k.begun
		c.active.Remove(&k.links)
		l.tally.add(k.req.Cmd, d.Res, nsec)
		i := l.ring.Put(ring.IOEvent{Data: k.tag, Obj: k.seq, Res: d.Res})
		l.infos[i] = info{seq: k.seq, usec: nsec / 1000, path: k.req.Path, cmd: k.req.Cmd}
	}
	l.ring.Publish()
	l.completedEvents += uint32(len(batch))
	returned = l.refill()
	return l.ring.Len(), returned
}
