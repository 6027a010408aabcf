package uring

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// sqMax is how many entries one io_uring_enter takes. A longer batch takes several: beyond this size the system call's own
// cost is no longer seen.
const sqMax = 256

// queue is one io_uring and its requests in flight.
type queue struct {
	eng   *Raw
	ring  *ring
	event *os.File      // the eventfd that completions signal; in Go's poller
	ended chan struct{} // closed by the end of the goroutine that reads event

	personality uint16 // of its client; 0: the daemon's own credentials

	// enter is io_uring_enter(2); tests put faults there.
	enter func(fd int, submit, flags uint32) unix.Errno

	// sq guards the submission queue, which is empty whenever sq is not held.
	sq sync.Mutex

	filesMu sync.Mutex
	files   fixed // guarded by filesMu

	// mu guards what follows, the slots, and the completion queue's head.
	mu     sync.Mutex
	slots  []*slot // by index
	free   []*slot
	kernel int      // slots in placeKernel
	polled bool     // signals are off until Polled says otherwise; written with sq held too
	again  slotList // stream writes to go on with
	repeat bool     // cancels are to be repeated when the read of event times out
	delay  time.Duration
	batch  []engine.Done // scratch of tell; nil while one has it
}

func newQueue(e *Raw, depth int, c engine.Client) (_ *queue, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("making an io_uring for %d requests: %w", depth, err)
		}
	}()
	depth = max(depth, 1)
	sqEntries := uint32(1) << bits.Len(uint(min(depth, sqMax)-1))
	// One Cancel posts up to sqEntries events of its own before they are reaped, beside those of depth requests.
	r, _, err := setupRing(sqEntries, uint32(min(depth, 1<<20))+sqEntries)
	if err != nil {
		return nil, err
	}
	q := &queue{eng: e, ring: r, enter: enter, ended: make(chan struct{})}
	if c.Cred != nil {
		if q.personality, err = r.registerCred(c.Cred); err != nil {
			r.close()
			return nil, err
		}
	}
	if err := q.listen(); err != nil {
		r.close()
		return nil, err
	}
	go q.wait()
	return q, nil
}

// listen sets how many workers there may be and registers an eventfd that is in Go's poller.
func (q *queue) listen() error {
	if err := q.ring.allowWorkers(workers); err != nil {
		return err
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	q.event = os.NewFile(uintptr(fd), "io_uring eventfd")
	if q.event.SetDeadline(time.Time{}) != nil { // it is not in the poller: fs.epoll.max_user_watches is reached, or memory is short
		q.event.Close()
		return unix.ENOMEM
	}
	if err := q.ring.setEventfd(int32(fd)); err != nil {
		q.event.Close()
		return err
	}
	return nil
}

// wait reaps whenever completions were signalled, until Close closes the eventfd.
func (q *queue) wait() {
	defer close(q.ended)
	var count [8]byte
	for {
		_, err := q.event.Read(count[:])
		switch {
		case err == nil:
			q.reap(slotList{})
		case errors.Is(err, os.ErrDeadlineExceeded):
			q.cancelAgain()
		default:
			return
		}
	}
}

// Close implements engine.Queue. It waits for the goroutine that reaps.
func (q *queue) Close() {
	q.event.Close()
	<-q.ended
	q.ring.close()
}

// get takes a slot for r. mu is held.
func (q *queue) get(r *engine.Request) *slot {
	if len(q.free) == 0 {
		s := &slot{q: q, index: uint32(len(q.slots))}
		s.links.Of = s
		q.slots, q.free = append(q.slots, s), append(q.free, s)
	}
	last := len(q.free) - 1
	s := q.free[last]
	q.free = q.free[:last]
	s.req, s.canceled, s.moved = r, false, 0
	r.Private = s
	return s
}

// put gives back the slots of a list whose requests have been told. mu is held.
func (q *queue) put(done slotList) {
	for s := range done.All() {
		done.Remove(&s.links)
		s.place, s.req = placeFree, nil
		q.free = append(q.free, s)
	}
}
