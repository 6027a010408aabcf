package uring

import "github.com/aiofs/aiofs/ioctx/engine"

// Poll implements engine.Poller.
func (q *queue) Poll() int {
	if q.ring.empty() {
		return 0
	}
	return q.reap(slotList{})
}

// reap completes done and what the kernel has posted, goes on with writes of which that was a part, and returns how many have completed.
func (q *queue) reap(done slotList) (completed int) {
	for {
		n := q.collect(&done)
		completed += q.settle(done)
		if n < len(q.ring.cqes) && !q.ring.overflowed() {
			return completed
		}
		done = slotList{}
		q.unspill(&done)
	}
}

// unspill has the kernel move to the completion queue what found it full and was kept back.
//
// To be called too where the queue was merely found full: a completion may then be on its way to being kept back, and for that one
// the kernel signals no eventfd, since the tail does not move. The no-op's own completion is posted under the lock
// that the other's was, so when enter returns the other has either been kept back, which overflowed then shows, or found room.
func (q *queue) unspill(done *slotList) {
	q.sq.Lock()
	defer q.sq.Unlock()
	e := q.ring.push()
	e.opcode, e.fd, e.userData = opNop, -1, ofNobody
	q.ring.advance()
	q.flush(done)
}

// collect moves the completion queue's entries to done, and returns how many there were.
func (q *queue) collect(done *slotList) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.ring
	head, tail := r.cqHead.Load(), r.cqTail.Load()
	for i := head; i != tail; i++ {
		c := r.cqes[i&uint32(len(r.cqes)-1)]
		if c.userData&ofCancel != 0 {
			q.canceled(c.res)
		} else {
			q.completed(q.lookup(c.userData), int64(c.res), done)
		}
	}
	r.cqHead.Store(tail)
	return int(tail - head)
}

// completed ends a request that the kernel has done with, or goes on with it. mu is held.
func (q *queue) completed(s *slot, res int64, done *slotList) {
	if !s.goesOn(res) {
		q.finish(s, res, done)
		return
	}
	s.moved += res
	q.leave(s)
	s.place = placeAgain
	q.again.PushBack(&s.links)
}

// lookup is the request that the kernel calls userData. mu is held.
func (q *queue) lookup(userData uint64) *slot {
	s := q.slots[uint32(userData)]
	if s.userData() != userData || s.place != placeKernel {
		panic("uring: a request completed twice")
	}
	return s
}

// finish ends a request with res and appends it to done. From here on Cancel passes it over. mu is held.
func (q *queue) finish(s *slot, res int64, done *slotList) {
	switch s.place {
	case placeKernel:
		q.leave(s)
	case placeAgain:
		q.again.Remove(&s.links)
	}
	s.res = s.result(res)
	s.place = placeDone
	s.gen = (s.gen + 1) &^ (1 << 31)
	s.req.Private = nil
	done.PushBack(&s.links)
}

// settle tells the owners of done, goes on with the writes that go on, and returns how many owners it told. No lock is held.
func (q *queue) settle(done slotList) (told int) {
	for {
		told += q.tell(done)
		if done = q.goOn(); done.Empty() {
			return told
		}
	}
}

// tell tells the owners of done, whose slots are free then, and returns how many there were.
func (q *queue) tell(done slotList) (told int) {
	if done.Empty() {
		return 0
	}
	q.mu.Lock()
	batch := q.batch
	q.batch = nil
	q.mu.Unlock()
	for s := range done.All() {
		batch = append(batch, engine.Done{Owner: s.req.Owner, Res: s.res})
	}
	told = len(batch)
	complete(batch) // the requests are their makers' from here on
	clear(batch)
	q.mu.Lock()
	q.put(done)
	q.batch = batch[:0]
	q.mu.Unlock()
	return told
}

func complete(batch []engine.Done) {
	if len(batch) > 1 {
		if b, ok := batch[0].Owner.(engine.BatchOwner); ok {
			b.CompleteBatch(batch)
			return
		}
	}
	for _, d := range batch {
		d.Owner.Complete(d.Res)
	}
}
