// Package threads is the bounded pool of locked threads that touch users' files, and the engine that does I/O on it.
//
// A thread that calls io_uring_enter must never block in a user's file: its other completions would wait behind it. So
// open, stat, close and the I/O of files that may hang run here under every engine, and all I/O where io_uring is denied.
//
// Lock order: Pool.mu and poller.mu are both innermost. Neither is held while the other is taken, while a Task runs, nor
// while an Owner is told of a completion.
package threads

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/cred"
	"github.com/aiofs/aiofs/ioctx/engine/osthread"
	"github.com/aiofs/aiofs/ioctx/list"
)

// How many threads a class may have. They are made when a task finds none idle. A share gets half of them.
const (
	// LocalThreads keep a disk's queue full.
	LocalThreads = 64
	// HangThreads are as many files as may hang at once before others of their class wait.
	HangThreads = 1024
	// StreamThreads only make attempts that do not block, wherever the kernel can promise that.
	StreamThreads = 32
)

const (
	idleTime  = 5 * time.Second // after which an idle thread ends
	closeWait = time.Second     // how long Close waits for tasks that run
)

// Pool runs tasks on locked threads, each class on its own, so that files that hang hold up nothing but their like.
// Its methods may be called by any number of goroutines at once, and never block, Close aside.
type Pool struct {
	home   int // O_PATH descriptor of the daemon's root, -1 where it could not be had
	homeID rootID

	mu      sync.Mutex
	classes [engine.ClassStream + 1]class // guarded by mu
	alive   int                           // threads of all classes; guarded by mu
	closed  bool                          // guarded by mu
	gone    chan struct{}                 // closed when closed is set and alive is 0
}

// Task is one call on a pool thread. Its maker fills the first part. The Task is the pool's from Go until Run is called
// or Cancel has returned true; then it may be given to Go again, also by Run itself.
type Task struct {
	Class engine.Class
	// Share is whose part of the pool the task counts against, any comparable value: that of the engine.Client whose it is.
	Share any
	// Cred are the credentials that the thread has when Run is called; nil: the daemon's own.
	Cred *cred.Cred
	// Run does the work and may block.
	Run func(*Thread)
	// Fail is called in place of Run where Cred cannot be taken. It is not needed without a Cred.
	Fail func(error)

	place  place           // guarded by Pool.mu, as all that follows
	share  *share          // while place is not placeNone
	thread *Thread         // while place is placeHanded
	links  list.Node[Task] // in share.queue while place is placeQueued
}

// place is where the pool has a Task.
type place uint8

const (
	placeNone   place = iota // not the pool's: never given, running, or done
	placeQueued              // in its share's queue
	placeHanded              // given to a thread that has not woken up yet
)

// NewPool makes a pool without threads. Whoever made it closes it.
func NewPool() *Pool {
	return newPool(LocalThreads, HangThreads, StreamThreads)
}

// newPool makes a pool with so many threads at most for each class.
func newPool(local, hang, stream int) *Pool {
	p := &Pool{gone: make(chan struct{})}
	for cl, limit := range [...]int{engine.ClassLocal: local, engine.ClassHang: hang, engine.ClassStream: stream} {
		p.classes[cl] = class{limit: limit, perShare: limit / 2, shares: make(map[any]*share)}
	}
	var err error
	if p.home, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		p.home = -1 // At will say EBADF
		return p
	}
	p.homeID = identify(p.home)
	return p
}

// Go queues t: it runs as soon as its share has less than half of its class's threads and one of them is free. Shares take turns.
// After Close it may never run.
func (p *Pool) Go(t *Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.classes[t.Class]
	t.share = c.shareOf(t.Share)
	if t.share.running < c.perShare {
		if th := p.freeThread(c); th != nil {
			th.hand(t)
			return
		}
	}
	c.enqueue(t)
}

// freeThread takes a thread that is idle, or starts one; nil: all are busy. Pool.mu is held.
func (p *Pool) freeThread(c *class) *Thread {
	if p.closed {
		return nil
	}
	if th := c.idle.First(); th != nil {
		c.unpark(th)
		th.wake <- struct{}{} // its one token: a thread is woken only when taken off the idle list
		return th
	}
	if c.threads == c.limit {
		return nil
	}
	c.threads++
	p.alive++
	th := &Thread{pool: p, class: c, wake: make(chan struct{}, 1)}
	th.links.Of = th
	osthread.Go(th.serve)
	return th
}

// Cancel takes t back. True: it had not begun to run, and never will. False: it runs, has run, or was never given to Go.
func (p *Pool) Cancel(t *Task) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.classes[t.Class]
	switch t.place {
	case placeNone:
		return false
	case placeQueued:
		c.dequeue(t)
	case placeHanded:
		// The thread is on its way and looks for another task when it arrives.
		t.thread.task, t.thread = nil, nil
		c.release(t.share)
	}
	s := t.share
	t.place, t.share = placeNone, nil
	c.forget(s)
	return true
}

// Close ends the threads: idle ones at once, busy ones when they have done what is queued. It waits for that up to a
// second and returns how many threads were still there. Nothing is given to Go after it whose running matters.
func (p *Pool) Close() (stuck int) {
	p.mu.Lock()
	p.closed = true
	for i := range p.classes {
		c := &p.classes[i]
		for th := range c.idle.All() {
			c.unpark(th)
			th.wake <- struct{}{}
		}
	}
	if p.alive == 0 {
		close(p.gone)
	}
	p.mu.Unlock()

	late := time.NewTimer(closeWait)
	defer late.Stop()
	select {
	case <-p.gone:
		if p.home >= 0 {
			unix.Close(p.home)
		}
		return 0
	case <-late.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.alive // those need p.home to go home to, so it stays open
	}
}
