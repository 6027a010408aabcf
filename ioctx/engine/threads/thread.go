package threads

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/cred"
	"github.com/aiofs/aiofs/ioctx/list"
)

// Thread is a locked thread with a root, working directory, umask and credentials of its own, the umask being 0. It is given to
// the Task that runs on it, which leaves the priority as it found it.
type Thread struct {
	pool   *Pool
	class  *class
	wake   chan struct{} // one token each time that the thread is taken off the idle list
	task   *Task         // handed over and not yet begun; guarded by Pool.mu, as all that follows
	parked bool
	links  list.Node[Thread] // in class.idle while parked

	// The rest is the thread's own.
	unshared error      // nil: unshare(CLONE_FS) succeeded
	cred     *cred.Cred // what the thread has; nil: the daemon's own
	moved    bool       // At changed the working directory
	rooted   bool       // At changed the root
	lost     bool       // not fit for another task: it could not get home, or not give back credentials
}

// serve does tasks until there are none for idleTime. Then the thread ends, and with it all that was changed of it.
func (th *Thread) serve() {
	if th.unshared = unix.Unshare(unix.CLONE_FS); th.unshared == nil {
		unix.Umask(0)
	}
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	for {
		t, s := th.begin()
		if t == nil {
			if !th.wait(idle) {
				return
			}
			continue
		}
		if err := th.take(t.Cred); err != nil {
			t.Fail(err)
		} else {
			t.Run(th) // t may be in use again from here on
			th.goHome()
		}
		th.end(s)
	}
}

// take gives the thread credentials, which it keeps until a task needs others. After an error it has the daemon's own, or is
// lost.
func (th *Thread) take(c *cred.Cred) error {
	if th.cred.Equal(c) {
		return nil
	}
	err := cred.Take(c)
	if err == nil {
		th.cred = c
		return nil
	}
	th.cred = nil
	th.lost = cred.Take(nil) != nil
	return err
}

// hand makes t the next task of th. Pool.mu is held.
func (th *Thread) hand(t *Task) {
	t.place, t.thread = placeHanded, th
	t.share.running++
	th.task = t
}

// begin returns a task that now runs, and its share; nil: there is none.
func (th *Thread) begin() (*Task, *share) {
	th.pool.mu.Lock()
	defer th.pool.mu.Unlock()
	t := th.task
	if t == nil && !th.lost {
		t = th.class.take()
	}
	if t == nil {
		return nil, nil
	}
	s := t.share
	th.task = nil
	t.place, t.share, t.thread = placeNone, nil, nil
	return t, s
}

// end counts a task of s as done.
func (th *Thread) end(s *share) {
	th.pool.mu.Lock()
	defer th.pool.mu.Unlock()
	th.class.release(s)
	th.class.forget(s)
}

// wait parks the thread until it is woken; false: it has been idle for long, the pool closes, or the thread is lost, and it is to end.
func (th *Thread) wait(idle *time.Timer) bool {
	p := th.pool
	p.mu.Lock()
	switch {
	case th.task != nil || !th.class.ready.Empty() && !th.lost: // came since begin
		p.mu.Unlock()
		return true
	case p.closed || th.lost:
		th.retire()
		p.mu.Unlock()
		return false
	}
	th.class.park(th)
	p.mu.Unlock()

	idle.Reset(idleTime)
	select {
	case <-th.wake:
		return true
	case <-idle.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !th.parked { // woken meanwhile
		<-th.wake
		return true
	}
	th.class.unpark(th)
	th.retire()
	return false
}

// retire takes th out of the pool's count. Pool.mu is held.
func (th *Thread) retire() {
	p, c := th.pool, th.class
	c.threads--
	if p.alive--; p.alive == 0 && p.closed {
		close(p.gone)
	}
	if !c.ready.Empty() {
		p.freeThread(c) // in the place of one that was lost
	}
}

// park puts th in front of the idle list, so that the last to work is the first to work again and the others can end.
func (c *class) park(th *Thread) {
	th.parked = true
	c.idle.PushFront(&th.links)
}

// unpark takes th off the idle list.
func (c *class) unpark(th *Thread) {
	c.idle.Remove(&th.links)
	th.parked = false
}
