package uring

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// Cancel implements engine.Queue: one IORING_OP_ASYNC_CANCEL a request, which for 4,096 of them is 20 times faster than
// one that matches all. What becomes of the cancels themselves does not matter: the request completes in any case.
func (q *queue) Cancel(batch []*engine.Request) {
	var done list
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

// fillCancels finishes those of batch that are in the backlog, moves a cancel of each other into the submission queue, and
// returns how many of batch that were. sq is held.
func (q *queue) fillCancels(batch []*engine.Request, done *list) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range batch {
		if q.ring.full() {
			break
		}
		n++
		s, ok := r.Private.(*slot)
		if !ok || s.q != q || s.req != r {
			continue // completed
		}
		switch s.place {
		case placeBacklog, placeAgain:
			q.finish(s, -int64(unix.ECANCELED), done)
		case placeKernel:
			s.canceled = true
			e := q.ring.push()
			e.opcode, e.fd, e.flags = opAsyncCancel, -1, sqeCQESkipSuccess
			e.addr, e.userData = s.userData(), nobody
			q.ring.advance()
		}
	}
	return n
}
