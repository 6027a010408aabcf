package uring

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/osthread"
)

// Submit implements engine.Queue.
func (q *queue) Submit(batch []*engine.Request) {
	var done slotList
	q.sq.Lock()
	runtime.LockOSThread() // so that the thread that enters is the one that is known to
	quiet := q.beQuiet()
	for len(batch) > 0 {
		batch = batch[q.fill(batch, &done):]
		q.flush(&done)
	}
	if quiet {
		q.beLoud(&done)
	}
	runtime.UnlockOSThread()
	q.sq.Unlock()
	q.reap(done)
}

// fill moves requests into the submission queue and returns how many. sq is held.
func (q *queue) fill(batch []*engine.Request, done *slotList) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before, tid := q.kernel, unix.Gettid()
	for _, r := range batch {
		if q.ring.full() {
			break
		}
		n++
		s := q.get(r)
		if r.Class == engine.ClassStream && wouldFail(r) {
			q.finish(s, -int64(unix.EAGAIN), done)
		} else {
			q.start(s, tid)
		}
	}
	osthread.Submits(tid, q.kernel-before)
	return n
}

// start puts s into the submission queue, which has room, for the calling thread, which is locked, to submit. sq and mu are held.
func (q *queue) start(s *slot, tid int) {
	s.prep(q.ring.push())
	s.place, s.thread = placeKernel, tid
	q.kernel++
	q.ring.advance()
}

// leave takes s back from the kernel, which has done with it. mu is held.
func (q *queue) leave(s *slot) {
	q.kernel--
	osthread.Completed(s.thread)
}

// flush has the kernel take the submission queue's entries. Those it will not take are finished with its errno, so that on
// return the queue is empty. sq is held.
//
// EINTR leaves them all where they are. EAGAIN is want of memory for a request and EBUSY a completion queue that
// the kernel could not empty its backlog into: both may pass when completions are reaped.
func (q *queue) flush(done *slotList) {
	const patience = 16 // rounds without progress
	for tries := 0; ; {
		left := q.ring.pending()
		if left == 0 {
			return
		}
		errno := q.enter(q.ring.fd, left, q.flags())
		switch {
		case q.ring.pending() < left:
			tries = 0
		case errno == unix.EINTR:
		case errno == 0 || errno == unix.EAGAIN || errno == unix.EBUSY:
			if q.collect(done) > 0 {
				tries = 0
			} else if tries++; tries == patience {
				q.refuse(max(errno, unix.EAGAIN), done)
			} else {
				runtime.Gosched()
			}
		default:
			q.refuse(errno, done)
		}
	}
}

// flags are those for the next enter: what overflowed the completion queue comes out of the kernel with IORING_ENTER_GETEVENTS alone.
func (q *queue) flags() uint32 {
	if q.ring.overflowed() {
		return enterGetevents
	}
	return 0
}

// refuse finishes with errno what the kernel has not taken. sq is held.
func (q *queue) refuse(errno unix.Errno, done *slotList) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.ring.pending() > 0 {
		if u := q.ring.unpush(); u&ofCancel == 0 {
			q.finish(q.lookup(u), -int64(errno), done)
		} else {
			q.canceled(-int32(unix.EALREADY)) // to be repeated
		}
	}
}

// goOn submits the stream writes that go on.
func (q *queue) goOn() (done slotList) {
	q.mu.Lock()
	none := q.again.Empty()
	q.mu.Unlock()
	if none {
		return done
	}
	q.sq.Lock()
	defer q.sq.Unlock()
	runtime.LockOSThread() // as in Submit
	defer runtime.UnlockOSThread()
	for q.fillAgain() {
		q.flush(&done)
	}
	return done
}

// fillAgain moves them into the submission queue and reports whether there were any. sq is held.
func (q *queue) fillAgain() (any bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before, tid := q.kernel, unix.Gettid()
	for s := range q.again.All() {
		if q.ring.full() {
			break
		}
		q.again.Remove(&s.links)
		q.start(s, tid)
	}
	osthread.Submits(tid, q.kernel-before)
	return q.kernel > before
}
