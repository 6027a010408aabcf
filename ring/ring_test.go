package ring

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// event has a number in each of its fields that tells it from all others.
func event(n uint64) IOEvent {
	return IOEvent{Data: n, Obj: n + 1, Res: -int64(n), Res2: 0}
}

// complete puts one event, where consumers see it.
func complete(r *Ring, ev IOEvent) (index uint32) {
	index = r.Put(ev)
	r.Publish()
	return index
}

func TestNew(t *testing.T) {
	r := newRing(t, 42, 32)
	want := Header{ID: 42, Nr: r.Nr(), Magic: Magic, CompatFeatures: CompatFeatures, HeaderLength: HeaderLength}
	if diff := cmp.Diff(want, *r.header, cmpopts.IgnoreFields(Header{}, "_")); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if seals, err := unix.FcntlInt(uintptr(r.FD()), unix.F_GET_SEALS, 0); err != nil || seals&allSeals != allSeals {
		t.Errorf("seals %#x, %v, want %#x", seals, err, allSeals)
	}
	if r.Len() != 0 {
		t.Errorf("%d events in a new ring", r.Len())
	}
}

const allSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

func TestNewErrors(t *testing.T) {
	for _, nrEvents := range []uint32{0, MaxEvents + 1, 1<<32 - 1} {
		if _, err := New(1, nrEvents); !errors.Is(err, unix.EINVAL) {
			t.Errorf("New of %d: %v, want EINVAL", nrEvents, err)
		}
	}
}

// TestGeometry checks that a ring has room for all that it must hold, up to the end of its last page.
func TestGeometry(t *testing.T) {
	for _, nrEvents := range []uint32{1, 124, 125, 126, 127, 1024, 65536, MaxEvents} {
		size, nr := geometry(nrEvents)
		end := HeaderLength + int(nr)*eventSize
		if nr < nrEvents+2 || end > size || end+eventSize <= size || size%page != 0 || size-end >= page {
			t.Errorf("%d events: nr %d in %d bytes", nrEvents, nr, size)
		}
		if less := size - page; less > 0 && (less-HeaderLength)/eventSize >= int(nrEvents)+2 {
			t.Errorf("%d events: a page more than they need", nrEvents)
		}
	}
}

func TestPublishShowsWhatWasPut(t *testing.T) {
	r := newRing(t, 1, 8)
	r.Put(event(1))
	r.Put(event(2))
	if r.Len() != 0 || r.header.Tail != 0 {
		t.Errorf("before Publish: %d events, tail %d", r.Len(), r.header.Tail)
	}
	r.Publish()
	w := r.Peek()
	if w.Len() != 2 || r.header.Tail != 2 {
		t.Fatalf("after Publish: %d events, tail %d, want 2, 2", w.Len(), r.header.Tail)
	}
	for i := range w.Len() {
		if ev, _ := w.At(i); ev != event(uint64(i)+1) {
			t.Errorf("event %d is %+v", i, ev)
		}
	}
}

func TestEventsLieBehindTheHeader(t *testing.T) {
	r := newRing(t, 1, 1)
	complete(r, event(7))
	complete(r, event(8))
	second := (*IOEvent)(unsafe.Pointer(&r.Memory().Bytes()[HeaderLength+eventSize]))
	if *second != event(8) {
		t.Errorf("the second event lies elsewhere: %+v", *second)
	}
	if r.header.Tail != 2 || r.header.Head != 0 {
		t.Errorf("tail %d, head %d, want 2, 0", r.header.Tail, r.header.Head)
	}
	r.Peek().Advance(1)
	if r.header.Tail != 2 || r.header.Head != 1 {
		t.Errorf("tail %d, head %d, want 2, 1", r.header.Tail, r.header.Head)
	}
}

func TestSetDead(t *testing.T) {
	r := newRing(t, 1, 1)
	r.header.IncompatFeatures = 6
	r.SetDead()
	if got := r.header.IncompatFeatures; got != 6|IncompatDead {
		t.Errorf("incompat_features %d, want 7", got)
	}
}

// placed is an event of the model, with the index that Put told.
type placed struct {
	ev    IOEvent
	index uint32
}

// TestAgainstQueue compares a ring to a slice, over many rounds of the smallest one.
func TestAgainstQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, err := New(1, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var queue []placed
		var count uint64
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			for range rapid.IntRange(0, int(r.Nr())-1-len(queue)).Draw(t, "put") {
				index := complete(r, event(count))
				if want := uint32(count % uint64(r.Nr())); index != want {
					t.Fatalf("event %d was put at %d, want %d", count, index, want)
				}
				queue = append(queue, placed{event(count), index})
				count++
			}
			w := r.Peek()
			compare(t, w, queue)
			n := rapid.IntRange(0, len(queue)).Draw(t, "advance")
			w.Advance(uint32(n))
			queue = queue[n:]
			if got := r.Len(); got != uint32(len(queue)) {
				t.Fatalf("%d events left, want %d", got, len(queue))
			}
		}
	})
}

// compare checks that a Window has just the events of the queue.
func compare(t *rapid.T, w Window, queue []placed) {
	if got := w.Len(); got != uint32(len(queue)) {
		t.Fatalf("%d events, want %d", got, len(queue))
	}
	for i, want := range queue {
		ev, index := w.At(uint32(i))
		if ev != want.ev || index != want.index {
			t.Fatalf("event %d is %+v at %d, want %+v at %d", i, ev, index, want.ev, want.index)
		}
	}
}

func TestOccupied(t *testing.T) {
	for _, c := range []struct{ head, tail, nr, want uint32 }{
		{0, 0, 8, 0},
		{0, 7, 8, 7},
		{3, 5, 8, 2},
		{5, 3, 8, 6},
		{7, 0, 8, 1},
		{8, 0, 8, 0},
		{1<<32 - 1, 0, 127, (0 + 127 - (1<<32-1)%127) % 127},
		{0, 1<<32 - 1, 127, (1<<32 - 1) % 127},
	} {
		if got := Occupied(c.head, c.tail, c.nr); got != c.want {
			t.Errorf("Occupied(%d, %d, %d) = %d, want %d", c.head, c.tail, c.nr, got, c.want)
		}
	}
}
