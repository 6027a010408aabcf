package threads

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// watch is one descriptor in the epoll, and who waits for it. All of it is guarded by poller.mu. It is in the epoll from its
// making until the last who waits or tries is gone, and leaves before that one's owner is told: from then on the number
// may be another file's.
type watch struct {
	fd    int32
	gen   int32    // of the last epoll_ctl; what epoll_wait brought of an earlier one is old
	added bool     // it is in the epoll
	polls opList   // each told of its events
	mask  uint32   // covers the events of polls
	turn  [2]turns // reads and writes
}

// turns are the reads, or the writes, of one file. One tries at a time, so that a byte in a pipe with a thousand readers wakes
// one of them.
type turns struct {
	trying  *op
	waiting opList
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
	if w.polls.head != nil {
		want = w.mask | pollImplied // a poll for nothing else still waits for these
	}
	for d := range w.turn {
		if t := &w.turn[d]; t.trying == nil && t.waiting.head != nil {
			want |= direction(d).events()
		}
	}
	return want
}

// unused tells whether nobody waits or tries.
func (w *watch) unused() bool {
	for d := range w.turn {
		if t := &w.turn[d]; t.trying != nil || t.waiting.head != nil {
			return false
		}
	}
	return w.polls.head == nil
}

// enter makes o wait.
func (w *watch) enter(o *op, events uint32) {
	o.watch = w
	if o.r.Op == engine.OpPoll {
		w.mask |= events
		w.polls.pushBack(o)
		return
	}
	t := &w.turn[directionOf(o.r.Op)]
	if t.trying == o { // it had its turn, but somebody else was faster
		t.trying = nil
		t.waiting.pushFront(o)
		return
	}
	t.waiting.pushBack(o)
}

// due takes out, for the events that came, the polls that are over and the first in turn.
func (w *watch) due(events uint32) (over opList, first [2]*op) {
	w.mask = 0
	for o := w.polls.head; o != nil; {
		next := o.next
		want := o.r.Events & pollMask
		if o.revents = events & (want | pollImplied); o.revents != 0 {
			w.polls.remove(o)
			o.watch = nil
			over.chain(o)
		} else {
			w.mask |= want
		}
		o = next
	}
	for d := range w.turn {
		t := &w.turn[d]
		if o := t.waiting.head; o != nil && t.trying == nil && events&(direction(d).events()|pollImplied) != 0 {
			t.waiting.remove(o)
			t.trying, first[d] = o, o
		}
	}
	return over, first
}

// opList is a list of ops that wait. An op is in at most one, which its list field names.
type opList struct{ head, tail *op }

func (l *opList) pushBack(o *op) {
	o.list, o.prev, o.next = l, l.tail, nil
	if l.tail == nil {
		l.head = o
	} else {
		l.tail.next = o
	}
	l.tail = o
}

func (l *opList) pushFront(o *op) {
	o.list, o.prev, o.next = l, nil, l.head
	if l.head == nil {
		l.tail = o
	} else {
		l.head.prev = o
	}
	l.head = o
}

func (l *opList) remove(o *op) {
	if o.prev == nil {
		l.head = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next == nil {
		l.tail = o.prev
	} else {
		o.next.prev = o.prev
	}
	o.list, o.prev, o.next = nil, nil, nil
}

// chain adds an op that belongs to nobody but the list's holder any more.
func (l *opList) chain(o *op) {
	l.pushBack(o)
	o.list = nil
}
