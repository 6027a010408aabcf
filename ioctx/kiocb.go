package ioctx

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ioctx/list"
)

// kiocb is struct aio_kiocb: one request from its acceptance to its completion.
type kiocb struct {
	io  engine.Request // what the engine sees; its Owner is this kiocb
	req iocb.Request   // what was asked for

	ctx   *Kioctx
	seq   uint64
	tag   uint64
	begun int64 // when it was accepted, by now()

	// refs are the submitter's, the completion's, and a canceller's while it works: what a cancel holds is never given to
	// another request.
	refs atomic.Int32
	// completed decides by one compare-and-swap who completes the request.
	completed atomic.Bool
	refused   syscall.Errno // why a request from sq is refused, in its event; 0: it is not

	links     list.Node[kiocb] // in ctx.active, under ctx.ctxLock
	phase     phase            // under ctx.ctxLock
	cancelled bool             // under ctx.ctxLock: told to stop before the engine could be told

	file  *file    // what io.FD belongs to; nil for a noop and before the open
	from  *origin  // where a path is resolved; the stage's, nil without one
	toEnd int64    // what Len is where it was left out; the stage's finding
	iov   [][]byte // kept for io.Iov
	out   *Out     // what a read fills, to be published under its tag, or what a write takes its bytes from
	mem   copied   // the caller's memory, and what stands for it
	event *eventfd // to be signalled after the event; nil: none

	task threads.Task // the part that touches a user's file before the engine does
}

// phase is how far a request has come, which decides what a cancel does to it.
type phase uint8

const (
	phaseStage   phase = iota // a pool thread opens its file or will; or nobody has seen it
	phaseStart                // on its way to the engine
	phaseStarted              // Queue.Submit has returned: the engine can be told to cancel it
)

func newKiocb() *kiocb {
	k := new(kiocb)
	k.io.Owner, k.links.Of = k, k
	k.task.Run, k.task.Fail = k.stage, k.fail
	return k
}

// newKiocb takes a request from the pool: aio_get_req, without the slot.
func (c *Kioctx) newKiocb() *kiocb {
	k := c.table.kiocbs.Get().(*kiocb)
	k.ctx = c
	k.refs.Store(2)
	k.completed.Store(false)
	return k
}

func (k *kiocb) get() *kiocb {
	k.refs.Add(1)
	return k
}

// put drops a reference; the last one gives the request to the pool.
func (k *kiocb) put() {
	switch left := k.refs.Add(-1); {
	case left > 0:
	case left == 0:
		k.release()
	default:
		panic(fmt.Sprintf("ioctx: request %d of context %d has %d references", k.seq, k.ctx.id, left))
	}
}

// release empties the request, whose file and memory are given back already, and keeps what costs an allocation.
func (k *kiocb) release() {
	t := k.ctx.table
	k.req = iocb.Request{}
	k.io.Buf, k.io.Iov = nil, nil
	k.ctx, k.file, k.from, k.out = nil, nil, nil, nil
	k.phase, k.cancelled, k.refused = phaseStage, false, 0
	clear(k.iov)
	t.kiocbs.Put(k)
}

// dropResources gives back what the request holds of its file and memory, before its event can be seen: who has read the event of
// a request may close its slot and find the file closed.
func (k *kiocb) dropResources() {
	if k.file != nil {
		k.file.put()
		k.file = nil
	}
	if k.out != nil {
		k.out.Put()
		k.out = nil
	}
	k.mem.drop()
}

// discard gives back all that a request has which was not accepted.
func (k *kiocb) discard() {
	k.dropResources()
	k.dropOrigin()
	k.dropEvent()
	k.release()
}

func (k *kiocb) dropEvent() {
	if k.event != nil {
		k.event.put()
		k.event = nil
	}
}
