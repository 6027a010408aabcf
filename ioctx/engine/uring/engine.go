package uring

import (
	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// Engine is io_uring for what does not hang, and threads for what may.
type Engine struct {
	raw      *Raw
	blocking *threads.Engine
}

var _ engine.Engine = (*Engine)(nil)

// New makes the engine, with the threads of pool, which is closed by its maker, after the engine; or returns an error that wraps
// engine.ErrUnsupported and says in words what is missing.
func New(pool *threads.Pool) (*Engine, error) {
	raw, err := NewRaw()
	if err != nil {
		return nil, err
	}
	return &Engine{raw, threads.New(pool)}, nil
}

// Name is "uring".
func (e *Engine) Name() string { return e.raw.Name() }

// NewQueue implements engine.Engine. It fails as Raw.NewQueue does.
func (e *Engine) NewQueue(depth int, c engine.Client) (engine.Queue, error) {
	ring, err := newQueue(e.raw, depth, c)
	if err != nil {
		return nil, err
	}
	blocking, err := e.blocking.NewQueue(depth, c)
	if err != nil {
		ring.Close()
		return nil, err
	}
	return &parted{ring, blocking}, nil
}

// Close implements engine.Engine.
func (e *Engine) Close() (stuck int) { return e.blocking.Close() + e.raw.Close() }

// parted is a queue of each. Who polls it polls the io_uring.
type parted struct {
	*queue
	blocking engine.Queue
}

var _ engine.Poller = (*parted)(nil)

// Submit implements engine.Queue.
func (p *parted) Submit(batch []*engine.Request) {
	ring, blocking := part(batch)
	if len(blocking) > 0 {
		p.blocking.Submit(blocking)
	}
	if len(ring) > 0 {
		p.queue.Submit(ring)
	}
}

// Cancel implements engine.Queue.
func (p *parted) Cancel(batch []*engine.Request) {
	ring, blocking := part(batch)
	if len(blocking) > 0 {
		p.blocking.Cancel(blocking)
	}
	if len(ring) > 0 {
		p.queue.Cancel(ring)
	}
}

// Close implements engine.Queue.
func (p *parted) Close() {
	p.blocking.Close()
	p.queue.Close()
}

// part puts what is not to block before what may. The order of requests means nothing.
func part(batch []*engine.Request) (ring, blocking []*engine.Request) {
	n := 0
	for i, r := range batch {
		if r.Class != engine.ClassHang || r.Op == engine.OpNop {
			batch[n], batch[i] = r, batch[n]
			n++
		}
	}
	return batch[:n], batch[n:]
}
