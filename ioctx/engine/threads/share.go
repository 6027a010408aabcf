package threads

import "github.com/aiofs/aiofs/ioctx/list"

// class is the part of a Pool that serves one engine.Class. All of it is guarded by Pool.mu.
type class struct {
	limit    int               // most threads
	perShare int               // most tasks of one share that run at once
	threads  int               // alive
	idle     list.List[Thread] // the last to work first
	shares   map[any]*share    // those with a task queued or running
	// ready has the shares that have a task queued and fewer than perShare running, the next in turn first. While there is one, either
	// no thread is idle or one is on its way to take from it.
	ready list.List[share]
	spare []*share // unused ones, so that a request allocates nothing
}

// maxSpares bounds what is kept after many contexts have been busy at once.
const maxSpares = 64

// share is what one Task.Share has queued and running in one class.
type share struct {
	key     any
	running int // handed to a thread, or running
	queue   list.List[Task]
	links   list.Node[share]
	isReady bool
}

// shareOf returns the share of key, which the caller makes busy.
func (c *class) shareOf(key any) *share {
	if s := c.shares[key]; s != nil {
		return s
	}
	var s *share
	if last := len(c.spare) - 1; last >= 0 {
		s, c.spare = c.spare[last], c.spare[:last]
	} else {
		s = &share{}
		s.links.Of = s
	}
	s.key = key
	c.shares[key] = s
	return s
}

// forget drops s if it has nothing left.
func (c *class) forget(s *share) {
	if s.running > 0 || !s.queue.Empty() {
		return
	}
	delete(c.shares, s.key)
	s.key = nil
	if len(c.spare) < maxSpares {
		c.spare = append(c.spare, s)
	}
}

// enqueue puts t, whose share is set, at the end of its share's queue.
func (c *class) enqueue(t *Task) {
	s := t.share
	t.place = placeQueued
	t.links.Of = t
	s.queue.PushBack(&t.links)
	c.settle(s)
}

// dequeue takes t out of its share's queue.
func (c *class) dequeue(t *Task) {
	s := t.share
	s.queue.Remove(&t.links)
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
	s := c.ready.First()
	if s == nil {
		return nil
	}
	c.ready.Remove(&s.links) // and again in its turn, after the others, if it still is ready
	s.isReady = false
	t := s.queue.First()
	s.running++
	c.dequeue(t)
	return t
}

// settle puts s among those that are ready, last in turn, or takes it out, after its queue or running changed.
func (c *class) settle(s *share) {
	ready := !s.queue.Empty() && s.running < c.perShare
	switch {
	case ready == s.isReady:
	case ready:
		c.ready.PushBack(&s.links)
	default:
		c.ready.Remove(&s.links)
	}
	s.isReady = ready
}
