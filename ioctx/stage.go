package ioctx

import (
	"errors"
	"sync"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// accept makes a batch of requests part of the context: from here on each of them is completed exactly once. They get their seq, and
// are in active before an engine or a pool thread sees them.
func (c *Kioctx) accept(batch []*kiocb) {
	t := now()
	c.reqsActive.Add(int64(len(batch)))
	c.ctxLock.Lock()
	defer c.ctxLock.Unlock()
	for _, k := range batch {
		c.seq++
		k.seq, k.tag, k.begun = c.seq, c.seq, t
		if k.req.HasTag {
			k.tag = k.req.Tag
		}
		c.active.PushBack(&k.links)
	}
}

// start starts accepted requests: those that need a pool thread first go there, the others to the engine, as one batch. The slice
// reqs is scratch and comes back.
func (c *Kioctx) start(l *live, batch []*kiocb, reqs []*engine.Request) []*engine.Request {
	ready := batch[:0]
	for _, k := range batch {
		if k.phase == phaseStage {
			c.table.cfg.Pool.Go(&k.task)
		} else if k.refused != 0 {
			k.Complete(-int64(k.refused))
			k.put()
		} else if err := k.fill(); err != nil {
			k.Complete(-int64(errnoOf(err)))
			k.put()
		} else {
			ready = append(ready, k)
		}
	}
	return c.enter(l, ready, reqs)
}

// enter hands a batch to the engine.
func (c *Kioctx) enter(l *live, batch []*kiocb, reqs []*engine.Request) []*engine.Request {
	if len(batch) == 0 {
		return reqs
	}
	reqs = reqs[:0]
	for _, k := range batch {
		reqs = append(reqs, &k.io)
	}
	l.queue.Submit(reqs)
	clear(reqs)
	c.markStarted(batch)
	return reqs
}

// markStarted ends the submitter's part of requests that the engine has, and passes on the cancels that came too early for the
// engine to know the request. The submitter's reference is what keeps one that has completed meanwhile from being another.
func (c *Kioctx) markStarted(batch []*kiocb) {
	var cancelled []*kiocb
	c.ctxLock.Lock()
	for _, k := range batch {
		k.phase = phaseStarted
		if k.cancelled {
			cancelled = append(cancelled, k.get())
		}
	}
	c.ctxLock.Unlock()
	c.cancelStarted(cancelled)
	for _, k := range batch {
		k.put()
	}
}

// stage runs on a pool thread: it opens the request's file, or finds its end, and hands the request on. Pool threads never enter an
// engine, since they may hang in a user's file.
func (k *kiocb) stage(th *threads.Thread) {
	var f *file
	err := error(syscall.ECANCELED)
	if !k.stopped() {
		f, err = k.openStage(th)
	}
	k.goOn(f, err)
}

// fail is the stage where the thread may not have the owner's credentials.
func (k *kiocb) fail(err error) { k.goOn(nil, err) }

// goOn goes on with a request whose stage is over.
func (k *kiocb) goOn(f *file, err error) {
	if !k.finishStage(f) {
		if f != nil {
			f.put()
		}
		k.endStage()
		return
	}
	if err == nil && k.req.File == iocb.FilePath {
		err = k.req.Check(k.file.info)
	}
	if err == nil {
		err = k.fill()
	}
	if err != nil {
		k.Complete(-int64(errnoOf(err)))
		k.endStage()
		return
	}
	k.dropOrigin()
	k.ctx.starting.Add(1)
	k.ctx.table.opened.add(k)
}

// openStage does the part that can hang.
func (k *kiocb) openStage(th *threads.Thread) (f *file, err error) {
	f = k.file
	if k.req.File == iocb.FilePath {
		if f, err = k.ctx.openFile(th, k.from, k.req.Path, k.req.OpenFlags); err != nil {
			return nil, err
		}
	}
	if k.req.Len == iocb.LenToEnd && k.req.Mem != iocb.MemOutTag {
		k.toEnd, err = f.size(k.req.Off)
	}
	return f, err
}

// stopped says whether the request was cancelled before its stage began.
func (k *kiocb) stopped() bool {
	k.ctx.ctxLock.Lock()
	defer k.ctx.ctxLock.Unlock()
	return k.cancelled
}

// finishStage gives the request its file, unless a cancel has completed it meanwhile.
func (k *kiocb) finishStage(f *file) bool {
	k.ctx.ctxLock.Lock()
	defer k.ctx.ctxLock.Unlock()
	if k.completed.Load() {
		return false
	}
	k.phase = phaseStart
	if f != nil {
		k.file = f
	}
	return true
}

// endStage drops what a request that goes no further had for its stage: its origin, and the submitter's reference.
func (k *kiocb) endStage() {
	k.dropOrigin()
	k.put()
}

func (k *kiocb) dropOrigin() {
	if k.from != nil {
		k.from.put()
		k.from = nil
	}
}

// errnoOf is the errno that err wraps; EIO for an error without one.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}

// opened is what pool threads have opened and an engine is to start. A goroutine that exists while there is any does that, since a
// pool thread must not enter an engine.
type opened struct {
	mu      sync.Mutex
	ready   []*kiocb // guarded by mu
	running bool     // guarded by mu
	idle    sync.WaitGroup
}

func (o *opened) add(k *kiocb) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready = append(o.ready, k)
	if !o.running {
		o.running = true
		o.idle.Add(1)
		go o.run()
	}
}

func (o *opened) run() {
	defer o.idle.Done()
	var batch []*kiocb
	var reqs []*engine.Request
	for {
		o.mu.Lock()
		if len(o.ready) == 0 {
			o.running = false
			o.mu.Unlock()
			return
		}
		batch, o.ready = o.ready, batch[:0]
		o.mu.Unlock()
		for rest := batch; len(rest) > 0; {
			n := 1
			c := rest[0].ctx
			for n < len(rest) && rest[n].ctx == c {
				n++
			}
			reqs = c.enter(c.live.Load(), rest[:n], reqs)
			if c.starting.Add(-int64(n)) == 0 {
				c.wakeFree()
			}
			rest = rest[n:]
		}
		clear(batch)
	}
}

// wait returns when all that was added has been handed to an engine.
func (o *opened) wait() { o.idle.Wait() }
