package threads

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/list"
)

// op is what the engine keeps of a Request, in its Private.
//
// At any time an op is at one place: queued in the Pool, in a task that runs, or waiting in the poller. Whoever takes it from
// the place completes it or moves it on, so it completes once. canceled is for the time in between: it is set before an op
// is looked for, and looked at, under the poller's lock, before one waits, so a cancel is not lost on an op that moves.
type op struct {
	task     Task
	r        *engine.Request
	engine   *Engine
	canceled atomic.Bool
	single   [1][]byte // room for the only segment

	// Of a stream's read or write.
	ready bool // it has waited, and the file was ready just now
	plain bool // RWF_NOWAIT is of no use
	vain  int  // how often in a row it was ready and then was not
	done  int  // bytes written so far

	// Of an op that waits; guarded by poller.mu.
	watch   *watch
	list    *list.List[op] // of watch; nil: it does not wait
	links   list.Node[op]  // in list
	revents uint32         // of a poll taken out of list
	bell    int            // eventfd that ends a blocking poll(2), or noBell
}

const noBell = -1

func newOp() *op {
	o := &op{bell: noBell}
	o.links.Of = o
	o.task.Run, o.task.Fail = o.run, o.fail
	return o
}

// prepare makes o the op of r, which is being submitted to q.
func (o *op) prepare(q *queue, r *engine.Request) {
	o.r, o.engine = r, q.engine
	o.task.Class, o.task.Share, o.task.Cred = r.Class, q.share, q.cred
	o.canceled.Store(false)
	o.ready, o.plain, o.vain, o.done = false, false, 0, 0
}

// start begins the request. A poll of a file that does not hang goes into the epoll from here, which does not block.
func (o *op) start() {
	if o.r.Op == engine.OpPoll && o.r.Class != engine.ClassHang {
		o.startPoll()
		return
	}
	o.engine.pool.Go(&o.task)
}

// run is the op's Task. When the I/O is done, o may be in use again.
func (o *op) run(*Thread) {
	if o.r.Ioprio == 0 {
		o.perform()
		return
	}
	old, err := setIoprio(o.r.Ioprio)
	if err != nil {
		o.finishStream(resultOf(0, err))
		return
	}
	o.perform()
	restoreIoprio(old)
}

// fail ends an op whose credentials could not be taken.
func (o *op) fail(err error) { o.finishStream(resultOf(o.done, errnoOf(err))) }

func (o *op) perform() {
	r := o.r
	switch {
	case r.Op == engine.OpPoll:
		o.pollBlocking()
	case r.Op == engine.OpFsync:
		o.finish(resultOf(restarting(r, fsync)))
	case r.Op == engine.OpFdsync:
		o.finish(resultOf(restarting(r, fdatasync)))
	case r.Op != engine.OpRead && r.Op != engine.OpWrite:
		o.finish(-int64(unix.EINVAL))
	case r.Class == engine.ClassStream:
		o.stream()
	default:
		o.finish(resultOf(o.transfer()))
	}
}

// finish tells the owner, after which o may be in use again. Nobody else has o.
func (o *op) finish(res int64) {
	r := o.r
	o.r = nil
	r.Owner.Complete(res)
}

// cancel ends o if it is queued or waits. What runs looks at canceled before it waits.
func (o *op) cancel() {
	o.canceled.Store(true)
	if o.engine.poller.remove(o) || o.engine.pool.Cancel(&o.task) {
		o.finishStream(o.canceledResult())
	}
}

// canceledResult is -ECANCELED, unless a part has been written.
func (o *op) canceledResult() int64 {
	if o.done > 0 {
		return int64(o.done)
	}
	return -int64(unix.ECANCELED)
}
