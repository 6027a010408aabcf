package ioctx

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// DefaultSQIdle is for how long a submission ring is looked at without any request before its client has to ring.
const DefaultSQIdle = time.Millisecond

// How often a context is looked at whose iocbs wait for a slot: its client may move head, which tells nobody.
const (
	stallLeast = time.Millisecond
	stallMost  = 100 * time.Millisecond
)

// poller takes requests from the submission rings of all contexts, each in its turn. It is one goroutine, which exists while there is
// a ring to look at.
//
// A ring is looked at while requests keep coming, and for idle beyond. Then it goes to sleep: NEED_WAKEUP is set, and the poller
// looks once more. What makes a lost wakeup impossible:
//
//	client                           poller
//	C1 store tail                    P1 set NEED_WAKEUP (a full barrier)
//	C2 full barrier                  P2 load tail: iocbs wait? then stay awake
//	C3 load flags                    P3 a barrier on every processor (membarrier), in guard
//	C4 NEED_WAKEUP? ring the bell    P4 load tail: iocbs wait? then wake up
//
// If C3 precedes P1 in the total order of full barriers, C1 precedes P2, which sees the tail. Otherwise C3 sees the bit and rings. A
// client without C2 may have its store still in its processor's buffer at P2 although C3 was before P1; then P3 has emptied that
// buffer, and P4 sees the tail. One that does not look at flags always rings.
type poller struct {
	idle    time.Duration // 0: never poll, look only when the bell rings
	barrier func() bool   // membarrier; tests look at it

	mu        sync.Mutex
	kicked    []*Kioctx     // guarded by mu; to be looked at, and not yet being
	wake      chan struct{} // capacity 1; the goroutine alone receives
	running   bool          // guarded by mu
	guarded   []*Kioctx     // guarded by mu; went to sleep and wait for P3
	guards    bool          // guarded by mu
	guardTask threads.Task  // the pool's, or that of who set guards
	ended     sync.WaitGroup
}

// init sets how long a ring is polled. Where there is one processor, polling would only keep it from those who complete requests.
func (p *poller) init(idle time.Duration) {
	p.wake, p.barrier = make(chan struct{}, 1), membarrier
	if min(runtime.GOMAXPROCS(0), runtime.NumCPU()) > 1 {
		p.idle = idle
	}
}

// polled is a context that the poller looks at.
type polled struct {
	ctx   *Kioctx
	since time.Time // the last time that something was taken or completed
}

// kick has c looked at: a bell rang, or a slot may be free.
func (p *poller) kick(c *Kioctx) {
	q := c.sq.Load()
	if q == nil || q.queued.Swap(true) {
		return
	}
	p.mu.Lock()
	p.kicked = append(p.kicked, c)
	if !p.running {
		p.running = true
		p.ended.Add(1)
		go p.run()
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run looks at what is awake, round after round. It stays on its thread: io_uring completes requests on the thread that submitted
// them, and that one should be the one that is awake.
func (p *poller) run() {
	defer p.ended.Done()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var awake []polled
	for {
		awake = p.admit(awake)
		if len(awake) == 0 {
			if p.stop() {
				return
			}
			continue
		}
		progress := false
		kept := awake[:0]
		for _, a := range awake {
			took, stay := p.look(&a)
			progress = progress || took
			if stay {
				kept = append(kept, a)
			}
		}
		clear(awake[len(kept):])
		awake = kept
		if !progress {
			p.pause(awake)
		}
	}
}

// stop ends the goroutine, unless something was kicked meanwhile.
func (p *poller) stop() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = len(p.kicked) > 0
	return !p.running
}

// admit adds what was kicked to what is awake.
func (p *poller) admit(awake []polled) []polled {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range p.kicked {
		q := c.sq.Load()
		q.queued.Store(false)
		p.kicked[i] = nil
		known := false
		for j := range awake {
			if awake[j].ctx == c {
				known = true
			}
		}
		if !known {
			p.rouse(c, q)
			awake = append(awake, polled{ctx: c, since: time.Now()})
		}
	}
	p.kicked = p.kicked[:0]
	return awake
}

// rouse tells the client that its ring is looked at, and the engine that its completions are.
func (p *poller) rouse(c *Kioctx, q *sq) {
	if p.idle == 0 || c.get() != nil {
		return
	}
	defer c.Put()
	q.ring.ClearNeedWakeup()
	c.live.Load().polled(true)
}

// polled tells an engine that can be polled whether it is.
func (l *live) polled(on bool) {
	if e, ok := l.queue.(engine.Poller); ok {
		e.Polled(on)
	}
}

// look takes what waits in one ring, and says whether there was anything and whether to look again.
func (p *poller) look(a *polled) (took, stay bool) {
	c := a.ctx
	if c.get() != nil {
		return false, false
	}
	defer c.Put()
	l, q := c.live.Load(), c.sq.Load()
	n := c.takeSQ(l, q)
	reaped := p.reap(l)
	switch {
	case n > 0 || reaped > 0:
		a.since = time.Now()
		return true, true
	case q.stalled:
		return false, true
	case p.idle > 0 && time.Since(a.since) < p.idle:
		return false, true
	}
	return false, p.sleep(c, q)
}

// sleep asks for the bell; false: it will be rung for whatever comes from now on.
func (p *poller) sleep(c *Kioctx, q *sq) (stay bool) {
	if p.idle == 0 {
		return q.ring.Len() > 0 // NEED_WAKEUP is always set
	}
	q.ring.SetNeedWakeup() // P1
	if q.ring.Len() > 0 {  // P2
		q.ring.ClearNeedWakeup()
		return true
	}
	c.live.Load().polled(false)
	p.guard(c)
	return false
}

// reap completes what an engine that can be polled has finished, so that no other thread need wake up for it.
func (p *poller) reap(l *live) int {
	if e, ok := l.queue.(engine.Poller); ok && p.idle > 0 {
		return e.Poll()
	}
	return 0
}

// pause ends a round that took nothing. Where all that is awake waits for slots it sleeps, for longer and longer. Otherwise it only
// lets other threads run. Other goroutines are seen to by Go's scheduler, every 10 ms: to come back from one takes a thread that has to
// be woken up.
func (p *poller) pause(awake []polled) {
	since := time.Time{}
	spin := len(awake) == 0
	for _, a := range awake {
		spin = spin || !a.ctx.sq.Load().stalled
		if a.since.After(since) {
			since = a.since
		}
	}
	if spin || time.Since(since) < p.idle {
		yield()
		return
	}
	p.setPolled(awake, false)
	t := time.NewTimer(min(max(time.Since(since)/8, stallLeast), stallMost))
	defer t.Stop()
	select {
	case <-p.wake:
	case <-t.C:
	}
	p.setPolled(awake, p.idle > 0)
}

// yield is sched_yield(2): a thread that waits for this processor goes first. It may well be the client, whom a completion has woken
// up here. To Go's scheduler it is nothing.
func yield() { unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// setPolled tells the engines of all that is awake whether they are polled.
func (p *poller) setPolled(awake []polled, on bool) {
	for _, a := range awake {
		if a.ctx.get() == nil {
			a.ctx.live.Load().polled(on)
			a.ctx.Put()
		}
	}
}

// guard has P3 and P4 done for c, beside the poller, since a barrier on every processor takes milliseconds. A pool thread does so: on one
// that has submitted it would hold back what completes there meanwhile.
func (p *poller) guard(c *Kioctx) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.guarded = append(p.guarded, c)
	if !p.guards {
		p.guards = true
		p.ended.Add(1)
		p.guardTask = threads.Task{Class: engine.ClassLocal, Share: p, Run: p.runGuard}
		c.table.cfg.Pool.Go(&p.guardTask)
	}
}

func (p *poller) runGuard(*threads.Thread) {
	defer p.ended.Done()
	for {
		p.mu.Lock()
		cs := p.guarded
		p.guarded = nil
		if len(cs) == 0 {
			p.guards = false
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		if p.barrier() {
			p.recheck(cs)
			continue
		}
		// Without membarrier(2) a store buffer empties by itself long before this.
		for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
			p.recheck(cs)
			runtime.Gosched()
		}
	}
}

// recheck is P4.
func (p *poller) recheck(cs []*Kioctx) {
	for _, c := range cs {
		if c.get() == nil {
			if c.sq.Load().ring.Waiting() {
				p.kick(c)
			}
			c.Put()
		}
	}
}

// membarrier is MEMBARRIER_CMD_GLOBAL: every processor has executed a full barrier when it returns true.
func membarrier() bool {
	const cmdGlobal = 1
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, cmdGlobal, 0, 0)
	return errno == 0
}
