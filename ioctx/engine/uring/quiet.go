package uring

// Of <linux/membarrier.h>; x/sys lacks them.
const (
	membarrierPrivateExpedited         = 1 << 3
	membarrierRegisterPrivateExpedited = 1 << 4
)

// A Submit of cached reads reaps them itself. Each would signal the eventfd nevertheless, and wake a goroutine that finds
// nothing; so a Submit that finds nothing else in flight switches the signals off while it submits.
//
// No wakeup is lost by that. Who posts a completion (a thread of this process in task work, or an io-wq worker, which is one
// too) stores the tail and then loads the flag. beLoud clears the flag and then, if requests are still with the kernel,
// executes membarrier, then loads the tail. The membarrier is a full barrier on every thread of the process at some point of its program:
//   - if the poster's store of the tail lies before that point, beLoud's load sees it and the completion is reaped here;
//   - otherwise its load of the flag lies after that point too, sees the flag cleared, and the eventfd is signalled.
//
// Without the membarrier both loads could overtake the stores before them, and the completion would lie unseen.

// beQuiet switches signals off if nothing is in flight. sq is held.
func (q *queue) beQuiet() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.eng.quiet || q.polled || q.kernel > 0 {
		return false
	}
	q.ring.cqFlags.Store(cqEventfdDisabled)
	return true
}

// beLoud switches signals on again and collects what was posted without one. sq is held.
func (q *queue) beLoud(done *slotList) {
	q.ring.cqFlags.Store(0)
	q.collect(done)
	q.mu.Lock()
	left := q.kernel
	q.mu.Unlock()
	if left > 0 {
		membarrier(membarrierPrivateExpedited)
		q.collect(done)
	}
}

// Polled implements engine.Poller: signals are off for as long as somebody polls. What is posted at the end is reaped by beLoud, or
// signalled.
func (q *queue) Polled(on bool) {
	if !q.eng.quiet {
		return
	}
	var done slotList
	q.sq.Lock()
	q.mu.Lock()
	changed := q.polled != on
	q.polled = on
	q.mu.Unlock()
	switch {
	case changed && on:
		q.ring.cqFlags.Store(cqEventfdDisabled)
	case changed:
		q.beLoud(&done)
	}
	q.sq.Unlock()
	q.reap(done)
}

// registerMembarrier reports whether membarrier(2) may be used to order this process's threads.
func registerMembarrier() bool {
	return membarrier(membarrierRegisterPrivateExpedited) == nil
}
