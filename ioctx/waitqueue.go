package ioctx

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// recheck is how often a wait looks again for a signal that ends it, once one has come that did not: the kernel sends one
// INTERRUPT a request, whichever signal was first.
const recheck = 50 * time.Millisecond

// lookAgain is how often a wait looks at a ring whose client may move head.
const lookAgain = 5 * time.Millisecond

// waitQueue is wait_queue_head_t: each waiter has a channel of its own and says how much it waits for, so one event
// wakes no waiter that needs two, and no wakeup is taken by a waiter that has left.
type waitQueue struct {
	// looks says that what is waited for may come about without a wake: a client moves head. Waiters then look every so often.
	looks   atomic.Bool
	n       atomic.Int32 // waiters, so that waking nobody costs one load
	mu      sync.Mutex
	waiters map[*waiter]struct{} // guarded by mu
}

type waiter struct {
	min   int
	woken chan struct{} // capacity 1, and this waiter alone receives
}

// prepare puts w on the queue. The caller then checks its condition: prepare_to_wait before the check is what makes a wakeup
// impossible to miss, since a waker changes the condition before it looks at the queue.
func (q *waitQueue) prepare(w *waiter) {
	q.mu.Lock()
	if q.waiters == nil {
		q.waiters = make(map[*waiter]struct{})
	}
	q.waiters[w] = struct{}{}
	q.n.Store(int32(len(q.waiters)))
	q.mu.Unlock()
}

// finish takes w off; after it nothing of w is touched.
func (q *waitQueue) finish(w *waiter) {
	q.mu.Lock()
	delete(q.waiters, w)
	q.n.Store(int32(len(q.waiters)))
	q.mu.Unlock()
}

// wake wakes every waiter that waits for n or fewer. They stay on the queue until they have seen their condition.
func (q *waitQueue) wake(n int) {
	if q.n.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for w := range q.waiters {
		if w.min <= n {
			select {
			case w.woken <- struct{}{}:
			default:
			}
		}
	}
}

// wakeAll wakes every waiter, whatever it waits for.
func (q *waitQueue) wakeAll() { q.wake(int(^uint(0) >> 1)) }

// wait sleeps until ready says true. It returns EINTR where a signal ends the wait and ETIMEDOUT at deadline (the zero Time:
// none); ready has the last word, so what came together with either is not lost.
func (q *waitQueue) wait(min int, ready func() bool, intr Interrupt, deadline time.Time) error {
	w := &waiter{min: min, woken: make(chan struct{}, 1)}
	q.prepare(w)
	defer q.finish(w)

	var expired, look <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		expired = t.C
	}
	var done <-chan struct{}
	if intr != nil {
		done = intr.Done()
	}
	var tick <-chan time.Time
	for !ready() {
		if tick == nil && q.looks.Load() {
			t := time.NewTicker(lookAgain)
			defer t.Stop()
			tick = t.C
		}
		select {
		case <-w.woken:
			continue
		case <-tick:
			continue
		case <-expired:
			return unless(ready, syscall.ETIMEDOUT)
		case <-done:
			done = nil
			t := time.NewTicker(recheck)
			defer t.Stop()
			look = t.C
		case <-look:
		}
		if intr.Pending() {
			return unless(ready, syscall.EINTR)
		}
	}
	return nil
}

func unless(ready func() bool, err syscall.Errno) error {
	if ready() {
		return nil
	}
	return err
}

// semaphore admits one holder; a signal ends the waiting for it, as it does not for a lock.
type semaphore struct {
	held atomic.Bool
	q    waitQueue
}

// acquire waits for the semaphore. EINTR where a signal ends the wait; EAGAIN where nonblock is set and it is held.
func (s *semaphore) acquire(intr Interrupt, nonblock bool) error {
	take := func() bool { return s.held.CompareAndSwap(false, true) }
	if take() {
		return nil
	}
	if nonblock {
		return syscall.EAGAIN
	}
	return s.q.wait(1, take, intr, time.Time{})
}

func (s *semaphore) release() {
	s.held.Store(false)
	s.q.wake(1)
}
