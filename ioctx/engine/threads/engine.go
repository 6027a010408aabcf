package threads

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/cred"
)

// Engine does I/O on a Pool: regular files by calls that block a thread of their class, pipes, sockets and polls by
// waiting in one epoll for all of them, so that a thousand that wait take no thread.
type Engine struct {
	pool   *Pool
	poller poller
}

var _ engine.Engine = (*Engine)(nil)

// New makes the engine on p, which is closed by its maker, after the engine.
func New(p *Pool) *Engine {
	return &Engine{pool: p}
}

// Name implements engine.Engine.
func (*Engine) Name() string { return "threads" }

// NewQueue implements engine.Engine. A queue needs nothing until it is used, so depth does not matter, and it never fails: where
// credentials cannot be taken, each request says so.
func (e *Engine) NewQueue(depth int, c engine.Client) (engine.Queue, error) {
	q := &queue{engine: e, cred: c.Cred, share: c.Share}
	if q.share == nil {
		q.share = q
	}
	return q, nil
}

// Close implements engine.Engine. Every completion having been seen, no thread can hang, and 0 is returned: the threads
// themselves are the Pool's.
func (e *Engine) Close() (stuck int) {
	e.poller.close()
	return 0
}

// queue is one context's part of an Engine.
type queue struct {
	engine *Engine
	cred   *cred.Cred
	share  any // of the Pool
}

// Submit implements engine.Queue.
func (q *queue) Submit(batch []*engine.Request) {
	for _, r := range batch {
		if r.Op == engine.OpNop {
			r.Owner.Complete(0)
			continue
		}
		o, ok := r.Private.(*op)
		if !ok {
			o = newOp()
			r.Private = o
		}
		o.prepare(q, r)
		o.start()
	}
}

// Cancel implements engine.Queue: what waits for a thread or in the poller completes before it returns, with -ECANCELED or
// with the bytes that a stream write got rid of. A call that blocks in a file is beyond cancelling.
func (q *queue) Cancel(batch []*engine.Request) {
	for _, r := range batch {
		if o, ok := r.Private.(*op); ok {
			o.cancel()
		}
	}
}

// Close implements engine.Queue.
func (q *queue) Close() {}

// resultOf is how a completion says n and err.
func resultOf(n int, err error) int64 {
	if err == nil {
		return int64(n)
	}
	return -int64(errnoOf(err))
}

func errnoOf(err error) unix.Errno {
	errno, ok := err.(unix.Errno)
	if !ok {
		return unix.EIO
	}
	return errno
}
