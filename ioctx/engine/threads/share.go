package threads

// class is the part of a Pool that serves one engine.Class. All of it is guarded by Pool.mu.
type class struct {
	limit    int // most threads
	perShare int // most tasks of one share that run at once
	threads  int // alive
	idle     *Thread
	shares   map[any]*share // those with a task queued or running
	// ready is a ring of the shares that have a task queued and fewer than perShare running; it points at the next in turn.
	// While it is not nil, either no thread is idle or one is on its way to take from it.
	ready  *share
	spare  *share // unused ones, so that a request allocates nothing
	spares int
}

// maxSpares bounds what is kept after many contexts have been busy at once.
const maxSpares = 64

// share is what one Task.Share has queued and running in one class.
type share struct {
	key        any
	running    int   // handed to a thread, or running
	head, tail *Task // the queue
	prev, next *share
	inRing     bool
}

// shareOf returns the share of key, which the caller makes busy.
func (c *class) shareOf(key any) *share {
	if s := c.shares[key]; s != nil {
		return s
	}
	s := c.spare
	if s == nil {
		s = &share{}
	} else {
		c.spare, s.next = s.next, nil
		c.spares--
	}
	s.key = key
	c.shares[key] = s
	return s
}

// forget drops s if it has nothing left.
func (c *class) forget(s *share) {
	if s.running > 0 || s.head != nil {
		return
	}
	delete(c.shares, s.key)
	s.key = nil
	if c.spares < maxSpares {
		s.next, c.spare = c.spare, s
		c.spares++
	}
}

// enqueue puts t, whose share is set, at the end of its share's queue.
func (c *class) enqueue(t *Task) {
	s := t.share
	t.place = placeQueued
	t.prev, t.next = s.tail, nil
	if s.tail == nil {
		s.head = t
	} else {
		s.tail.next = t
	}
	s.tail = t
	c.settle(s)
}

// dequeue takes t out of its share's queue.
func (c *class) dequeue(t *Task) {
	s := t.share
	if t.prev == nil {
		s.head = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		s.tail = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
	c.settle(s)
}

// release counts one task of s as no longer running.
func (c *class) release(s *share) {
	if s.running--; s.running < 0 {
		panic("threads: a share with fewer than no tasks running")
	}
	c.settle(s)
}

// take returns the task whose turn it is, counted as running; nil: there is none that may run.
func (c *class) take() *Task {
	s := c.ready
	if s == nil {
		return nil
	}
	c.ready = s.next // the next share's turn, also if s leaves the ring now
	t := s.head
	s.running++
	c.dequeue(t)
	return t
}

// settle puts s into the ring, last in turn, or takes it out, after its queue or running changed.
func (c *class) settle(s *share) {
	want := s.head != nil && s.running < c.perShare
	switch {
	case want == s.inRing:
	case want && c.ready == nil:
		s.prev, s.next, c.ready = s, s, s
	case want:
		s.prev, s.next = c.ready.prev, c.ready
		s.prev.next, s.next.prev = s, s
	default:
		if c.ready == s {
			c.ready = s.next
		}
		if s.next == s {
			c.ready = nil
		}
		s.prev.next, s.next.prev = s.next, s.prev
		s.prev, s.next = nil, nil
	}
	s.inRing = want
}
