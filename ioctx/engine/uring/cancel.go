package uring

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// Cancel implements engine.Queue: one IORING_OP_ASYNC_CANCEL a request, which for 4,096 of them is 20 times faster than
// one that matches all.
func (q *queue) Cancel(batch []*engine.Request) {
	var done slotList
	q.sq.Lock()
	for len(batch) > 0 {
		batch = batch[q.fillCancels(batch, &done):]
		q.flush(&done)
		// The cancels' own events go now, so that they never fill the completion queue.
		q.collect(&done)
	}
	q.sq.Unlock()
	q.reap(done)
}

// fillCancels finishes those of batch that the kernel does not have, moves a cancel of each other into the submission queue,
// and returns how many of batch that were. sq is held.
func (q *queue) fillCancels(batch []*engine.Request, done *slotList) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.delay = firstDelay
	for _, r := range batch {
		if q.ring.full() {
			break
		}
		n++
		s, ok := r.Private.(*slot)
		if !ok || s.q != q || s.req != r {
			continue // completed
		}
		s.canceled = true
		switch s.place {
		case placeAgain:
			q.finish(s, -int64(unix.ECANCELED), done)
		case placeKernel:
			q.pushCancel(s)
		}
	}
	return n
}

// pushCancel moves a cancel of s into the submission queue, which has room. sq and mu are held.
func (q *queue) pushCancel(s *slot) {
	e := q.ring.push()
	e.opcode, e.fd, e.flags = opAsyncCancel, -1, sqeCQESkipSuccess
	e.addr, e.userData = s.userData(), s.userData()|ofCancel
	q.ring.advance()
}

// A cancel of a request that a worker runs interrupts the worker and says EALREADY, and whether that ended what the worker waits for it
// does not say. One that the kernel refuses to take has not been made. So such cancels are repeated, at growing intervals, until
// the request is over.
const (
	firstDelay = time.Millisecond
	lastDelay  = time.Second
)

// canceled is told what became of a cancel. mu is held.
func (q *queue) canceled(res int32) {
	if res == -int32(unix.EALREADY) && !q.repeat {
		q.repeat = true
		q.event.SetReadDeadline(time.Now().Add(q.delay))
	}
}

// cancelAgain repeats the cancels of all that were asked to stop and have not.
func (q *queue) cancelAgain() {
	var done slotList
	q.sq.Lock()
	for next, more := 0, true; more; {
		next, more = q.fillRepeated(next)
		q.flush(&done)
		q.collect(&done)
	}
	q.sq.Unlock()
	q.reap(done)
}

// fillRepeated moves cancels of the slots from next on into the submission queue; more: not of all of them. sq is held.
func (q *queue) fillRepeated(next int) (end int, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if next == 0 {
		q.repeat = false
		q.delay = min(2*q.delay, lastDelay)
		q.event.SetReadDeadline(time.Time{})
	}
	for ; next < len(q.slots) && !q.ring.full(); next++ {
		if s := q.slots[next]; s.place == placeKernel && s.canceled {
			q.pushCancel(s)
		}
	}
	return next, next < len(q.slots)
}
