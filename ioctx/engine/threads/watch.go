package threads

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/list"
)

// watch is one descriptor in the epoll, and who waits for it. All of it is guarded by poller.mu. It is in the epoll from its
// making until the last who waits or tries is gone, and leaves before that one's owner is told: from then on the number
// may be another file's.
type watch struct {
	fd    int32
	gen   int32         // of the last epoll_ctl; what epoll_wait brought of an earlier one is old
	added bool          // it is in the epoll
	polls list.List[op] // each told of its events
	mask  uint32        // covers the events of polls
	turn  [2]turns      // reads and writes
}

// turns are the reads, or the writes, of one file. One tries at a time, so that a byte in a pipe with a thousand readers wakes
// one of them.
type turns struct {
	trying  *op
	waiting list.List[op]
}

// direction is an index of watch.turn.
type direction int

const (
	reading direction = iota
	writing
)

func directionOf(op engine.Op) direction {
	if op == engine.OpRead {
		return reading
	}
	return writing
}

func (d direction) events() uint32 {
	if d == reading {
		return unix.POLLIN
	}
	return unix.POLLOUT
}

// wanted are the events to ask for.
func (w *watch) wanted() uint32 {
	want := uint32(0)
	if !w.polls.Empty() {
		want = w.mask | pollImplied // a poll for nothing else still waits for these
	}
	for d := range w.turn {
		if t := &w.turn[d]; t.trying == nil && !t.waiting.Empty() {
			want |= direction(d).events()
		}
	}
	return want
}

// unused tells whether nobody waits or tries.
func (w *watch) unused() bool {
	for d := range w.turn {
		if t := &w.turn[d]; t.trying != nil || !t.waiting.Empty() {
			return false
		}
	}
	return w.polls.Empty()
}

// enter makes o wait.
func (w *watch) enter(o *op, events uint32) {
	o.watch = w
	if o.r.Op == engine.OpPoll {
		w.mask |= events
		o.push(&w.polls)
		return
	}
	t := &w.turn[directionOf(o.r.Op)]
	if t.trying == o { // it had its turn, but somebody else was faster
		t.trying = nil
		o.list = &t.waiting
		t.waiting.PushFront(&o.links)
		return
	}
	o.push(&t.waiting)
}

// due takes out, for the events that came, the polls that are over and the first in turn.
func (w *watch) due(events uint32) (over list.List[op], first [2]*op) {
	w.mask = 0
	for o := range w.polls.All() {
		want := o.r.Events & pollMask
		if o.revents = events & (want | pollImplied); o.revents != 0 {
			o.unlist()
			o.watch = nil
			over.PushBack(&o.links)
		} else {
			w.mask |= want
		}
	}
	for d := range w.turn {
		t := &w.turn[d]
		if o := t.waiting.First(); o != nil && t.trying == nil && events&(direction(d).events()|pollImplied) != 0 {
			o.unlist()
			t.trying, first[d] = o, o
		}
	}
	return over, first
}

// push makes o wait in l, which is one of a watch.
func (o *op) push(l *list.List[op]) {
	o.list = l
	l.PushBack(&o.links)
}

// unlist takes o out of where it waits.
func (o *op) unlist() {
	o.list.Remove(&o.links)
	o.list = nil
}
