package ring

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// scribbles are what a client may leave in head or tail.
func scribbles(nr uint32) []uint32 {
	return []uint32{0, 1, nr - 1, nr, nr + 1, 2 * nr, 1 << 31, -nr, 1<<32 - 2, 1<<32 - 1}
}

// survey uses the whole of a Window and checks that every index is the ring's and comes once, in order.
func survey(t *testing.T, r *Ring, w Window) {
	t.Helper()
	nr := r.Nr()
	if w.Len() >= nr {
		t.Fatalf("%d events in a ring of %d", w.Len(), nr)
	}
	for i := range w.Len() {
		_, index := w.At(i)
		if index >= nr {
			t.Fatalf("index %d in a ring of %d", index, nr)
		}
		if i == w.Len()-1 && (index+1)%nr != r.tail.Load() {
			t.Fatalf("the last of %d events lies at %d, with tail at %d", w.Len(), index, r.tail.Load())
		}
	}
}

func TestHostileHead(t *testing.T) {
	r := newRing(t, 1, 1)
	for range 2*r.Nr() + 3 {
		for _, head := range scribbles(r.Nr()) {
			r.header.Head = head
			w := r.Peek()
			survey(t, r, w)
			w.Advance(w.Len())
			if r.header.Head != r.tail.Load() || r.Len() != 0 {
				t.Fatalf("head %d and %d events after all were taken, tail at %d", r.header.Head, r.Len(), r.tail.Load())
			}
		}
		complete(r, event(1))
	}
}

// TestHostileTail shows that the header's tail, and its nr, are nobody's source.
func TestHostileTail(t *testing.T) {
	r := newRing(t, 1, 1)
	for i := range 2 * r.Nr() {
		for _, x := range scribbles(r.Nr()) {
			r.header.Tail, r.header.Nr = x, x
			if r.Len() != 0 {
				t.Fatalf("tail %d: %d events in an empty ring", x, r.Len())
			}
		}
		index := complete(r, event(uint64(i)))
		if index != i%r.Nr() {
			t.Fatalf("event %d was put at %d", i, index)
		}
		w := r.Peek()
		if ev, _ := w.At(0); w.Len() != 1 || ev != event(uint64(i)) {
			t.Fatalf("%d events, the first %+v, want event %d alone", w.Len(), ev, i)
		}
		if got := r.header.Tail; got != r.tail.Load() {
			t.Fatalf("tail %d is shown, %d is true", got, r.tail.Load())
		}
		w.Advance(1)
	}
}

// TestHeadMovesBelowWindow has the client store head between Peek, At and Advance.
func TestHeadMovesBelowWindow(t *testing.T) {
	r := newRing(t, 1, 1)
	for i := range uint64(5) {
		complete(r, event(i))
	}
	w := r.Peek()
	for _, head := range scribbles(r.Nr()) {
		r.header.Head = head
		if w.Len() != 5 {
			t.Fatalf("head %d: the Window has %d events now, want 5", head, w.Len())
		}
		for i := range uint32(5) {
			if ev, index := w.At(i); ev != event(uint64(i)) || index != i {
				t.Fatalf("head %d: event %d of the Window is %+v at %d now", head, i, ev, index)
			}
		}
	}
	w.Advance(2)
	if r.header.Head != 2 || r.Len() != 3 {
		t.Errorf("head %d, %d events, want 2, 3", r.header.Head, r.Len())
	}
}

// FuzzScribble writes bytes of the input over the header of a completion ring between operations that other bytes choose.
func FuzzScribble(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 2, 8, 255, 255, 255, 255, 1, 0, 12, 127, 0, 0, 0, 3, 2})
	f.Add([]byte{0, 8, 127, 0, 0, 0, 1, 8, 128, 0, 0, 0, 2, 0, 1, 3})
	f.Fuzz(func(t *testing.T, program []byte) {
		r := newRing(t, 1, 1)
		w := r.Peek()
		for len(program) > 0 {
			op := program[0]
			program = program[1:]
			switch op % 4 {
			case 0:
				if len(program) >= 4 {
					at := int(op>>2) % (HeaderLength - 3) // unaligned, too
					copy(r.Memory().Bytes()[at:], program[:4])
					program = program[4:]
				}
			case 1:
				if index := complete(r, event(uint64(op))); index >= r.Nr() {
					t.Fatalf("an event was put at %d in a ring of %d", index, r.Nr())
				}
			case 2:
				w = r.Peek()
				survey(t, r, w)
			case 3:
				if w.Len() > 0 {
					w.Advance(uint32(op>>2) % (w.Len() + 1))
				}
				if head := binary.NativeEndian.Uint32(r.Memory().Bytes()[8:]); w.Len() > 0 && head >= r.Nr() {
					t.Fatalf("Advance stored head %d in a ring of %d", head, r.Nr())
				}
				survey(t, r, r.Peek())
			}
		}
	})
}

// surveySQ looks at all that waits, checks that it lies behind head, the daemon's own, and takes some of it.
func surveySQ(t *testing.T, q *SQ, head, some uint32) (taken uint32) {
	t.Helper()
	n, nr := q.Len(), q.Nr()
	if n > nr || q.Waiting() != (n > 0) {
		t.Fatalf("%d iocbs wait in a ring of %d: %v", n, nr, q.Waiting())
	}
	var e SQE
	for i := range n {
		q.Copy(i, &e)
		if at := SQHeaderLength + sqeSize*int((head+i)%nr); !bytes.Equal(e[:], q.Memory().Bytes()[at:][:sqeSize]) {
			t.Fatalf("iocb %d behind head %d is %x", i, head, e)
		}
	}
	taken = some % (n + 1)
	if q.Advance(taken); q.header.Head != head+taken {
		t.Fatalf("head is %d, shown as %d", head+taken, q.header.Head)
	}
	return taken
}

// FuzzSQ does to a submission ring what FuzzScribble does to a completion ring, beside a client in order.
func FuzzSQ(f *testing.F) {
	f.Add(uint32(0), []byte{1, 5, 9, 2, 0, 12, 255, 255, 255, 255, 1, 130, 3, 7, 2})
	f.Add(^uint32(0)-3, []byte{1, 1, 1, 1, 1, 254, 0, 8, 0, 0, 0, 9, 1, 10, 11, 48, 1, 2, 3, 4, 6})
	f.Fuzz(func(t *testing.T, head uint32, program []byte) {
		q, s := newSQ(t, 1)
		q.head, q.header.Head, q.header.Tail, s.tail = head, head, head, head
		for len(program) > 0 {
			op := program[0]
			program = program[1:]
			switch op % 4 {
			case 0:
				if len(program) >= 4 {
					copy(q.Memory().Bytes()[op>>2:], program[:4]) // unaligned, too
					program = program[4:]
				}
			case 1:
				s.Push(entry(uint64(op)))
				s.Publish()
			case 2:
				head += surveySQ(t, q, head, uint32(op>>2))
			case 3:
				if q.SetNeedWakeup(); !s.Publish() {
					t.Fatal("the bell is not asked for")
				}
				if q.ClearNeedWakeup(); s.Publish() {
					t.Fatal("the bell is still asked for")
				}
			}
		}
		if q.SetDead(); !s.Dead() {
			t.Fatal("not dead")
		}
	})
}
