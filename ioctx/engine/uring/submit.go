package uring

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// Submit implements engine.Queue.
func (q *queue) Submit(batch []*engine.Request) {
	var done list
	q.sq.Lock()
	quiet := q.beQuiet()
	for len(batch) > 0 {
		batch = batch[q.fill(batch, &done):]
		q.flush(&done)
	}
	if quiet {
		q.beLoud(&done)
	}
	q.sq.Unlock()
	q.settle(done)
	q.reap()
}

// fill moves requests into the submission queue, or into the backlog, and returns how many. sq is held.
func (q *queue) fill(batch []*engine.Request, done *list) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range batch {
		if q.ring.full() {
			break
		}
		n++
		s := q.get(r)
		switch {
		case s.hang && (q.backlog.first != nil || !q.admit()):
			s.place = placeBacklog
			q.backlog.push(s)
		case r.Class == engine.ClassStream && wouldFail(r):
			q.finish(s, -int64(unix.EAGAIN), done)
		default:
			q.start(s)
		}
	}
	return n
}

// start puts s into the submission queue, which has room. sq and mu are held.
func (q *queue) start(s *slot) {
	s.prep(q.ring.push())
	s.place = placeKernel
	q.kernel++
	q.ring.advance()
}

// flush has the kernel take the submission queue's entries. Those it will not take are finished with its errno, so that on
// return the queue is empty. sq is held.
//
// EINTR leaves them all where they are. EAGAIN is want of memory for a request and EBUSY a completion queue that
// the kernel could not empty its backlog into: both may pass when completions are reaped.
func (q *queue) flush(done *list) {
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
func (q *queue) refuse(errno unix.Errno, done *list) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.ring.pending() > 0 {
		if s := q.bySlot(q.ring.unpush()); s != nil {
			q.finish(s, -int64(errno), done)
		}
	}
}

// wouldFail reports whether a read or write of a stream ends with EAGAIN: where its description is O_NONBLOCK. To io_uring
// that flag means wait in poll, and RWF_NOWAIT, which does not, is refused for FIFOs and terminals. (A competing reader between
// this look and the read makes the read wait.) Neither call here blocks, nor reaches a file system.
func wouldFail(r *engine.Request) bool {
	var events int16
	switch r.Op {
	case engine.OpRead:
		events = unix.POLLIN
	case engine.OpWrite:
		events = unix.POLLOUT
	default:
		return false
	}
	flags, err := unix.FcntlInt(uintptr(r.FD), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		return false
	}
	fds := []unix.PollFd{{Fd: r.FD, Events: events}}
	n, err := unix.Poll(fds, 0)
	return n == 0 && err == nil
}
