package ioctx

import (
	"sync"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// errand is a call on a pool thread that somebody waits for.
type errand struct {
	ctx  *Kioctx
	do   func(*threads.Thread)
	over func(left bool)
	task threads.Task

	mu   sync.Mutex
	done bool  // guarded by mu
	left bool  // guarded by mu; nobody waits any more
	err  error // why do was not called; set before done
}

// onPool calls do on a pool thread of a class and share that has the owner's credentials, and waits for it. EINTR, and EINVAL where the
// context is killed meanwhile: then do goes on without anyone, or is never begun. In any case over is called once after that; left
// says that onPool has failed.
func (c *Kioctx) onPool(class engine.Class, share any, intr Interrupt, do func(*threads.Thread), over func(left bool)) error {
	e := &errand{ctx: c, do: do, over: over}
	e.task = threads.Task{Class: class, Share: share, Cred: c.owner.Cred, Run: e.run, Fail: e.end}
	c.table.cfg.Pool.Go(&e.task)
	err := e.wait(intr)
	if err == nil {
		err = e.err
		e.over(err != nil)
	}
	return err
}

func (e *errand) run(th *threads.Thread) {
	e.do(th)
	e.end(nil)
}

func (e *errand) end(err error) {
	e.mu.Lock()
	e.done, e.err = true, err
	left := e.left
	e.mu.Unlock()
	if left {
		e.over(true)
	}
	e.ctx.writers.wakeAll()
}

func (e *errand) isDone() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.done
}

// wait fails where it leaves the errand to itself.
func (e *errand) wait(intr Interrupt) error {
	err := e.ctx.writers.wait(1, func() bool { return e.isDone() || e.ctx.Dead() }, intr, time.Time{})
	if err == nil && e.isDone() {
		return nil
	}
	if err == nil {
		err = errDead
	}
	if e.ctx.table.cfg.Pool.Cancel(&e.task) {
		e.over(true)
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done {
		return nil
	}
	e.left = true
	return err
}

// getOnPool is onPool for a call that gets something. What it gets after a failure is given back. after, if there is one, is called when
// all is over.
func getOnPool[T any, P interface {
	*T
	put()
}](c *Kioctx, class engine.Class, intr Interrupt, get func(*threads.Thread) (P, error), after func()) (P, error) {
	var p P // the errand's, once it has been left
	var err error
	do := func(th *threads.Thread) { p, err = get(th) }
	over := func(left bool) {
		if after != nil {
			after()
		}
		if left && p != nil {
			p.put()
		}
	}
	if failed := c.onPool(class, c.share, intr, do, over); failed != nil {
		return nil, failed
	}
	return p, err
}
