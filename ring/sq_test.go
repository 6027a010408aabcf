package ring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// file is a descriptor of m for a client, as an open of the file in the mount gives one.
func file(t testing.TB, m *Memory) *os.File {
	fd, err := unix.FcntlInt(uintptr(m.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	t.Cleanup(func() { f.Close() })
	return f
}

func newSQ(t testing.TB, nr uint32) (*SQ, *Submitter) {
	q, err := NewSQ(7, nr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	s, err := MapSubmitter(file(t, q.Memory()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return q, s
}

func entry(n uint64) []byte {
	e := make([]byte, sqeSize)
	binary.NativeEndian.PutUint64(e, n)
	binary.NativeEndian.PutUint64(e[56:], ^n)
	return e
}

func TestSQGeometry(t *testing.T) {
	for _, c := range []struct{ nr, want uint32 }{{1, 32}, {32, 32}, {33, 64}, {1000, 1024}, {1024, 1024}} {
		q, s := newSQ(t, c.nr)
		if q.Nr() != c.want || s.Room() != int(c.want) {
			t.Errorf("sq of %d has %d places, room for %d; want %d", c.nr, q.Nr(), s.Room(), c.want)
		}
	}
	for _, nr := range []uint32{0, MaxEvents + 1} {
		if _, err := NewSQ(1, nr); !errors.Is(err, unix.EINVAL) {
			t.Errorf("sq of %d: %v", nr, err)
		}
	}
}

// What a client pushes is what the daemon copies, in order, whatever the sizes of their batches, and across the end of 32 bits.
func TestSQAgainstQueue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		q, s := newSQ(t, 32)
		start := rapid.SampledFrom([]uint32{0, 5, ^uint32(0) - 3}).Draw(rt, "start")
		q.head, q.header.Head, q.header.Tail, s.tail = start, start, start, start
		pushed, taken := uint64(0), uint64(0)
		for range rapid.IntRange(1, 30).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 40).Draw(rt, "push") {
				if s.Push(entry(pushed)) {
					pushed++
				} else if pushed-taken != 32 {
					rt.Fatalf("no room at %d of 32", pushed-taken)
				}
			}
			s.Publish()
			if q.Len() != uint32(pushed-taken) || q.Waiting() != (pushed > taken) {
				rt.Fatalf("%d wait, want %d", q.Len(), pushed-taken)
			}
			n := rapid.Uint32Range(0, q.Len()).Draw(rt, "take")
			for i := range n {
				var e SQE
				q.Copy(i, &e)
				if !bytes.Equal(e[:], entry(taken)) {
					rt.Fatalf("entry %d is %x", taken, e)
				}
				taken++
			}
			q.Advance(n)
		}
	})
}

// A tail that is out of reach says nothing, and no value of head matters.
func TestSQHostile(t *testing.T) {
	q, _ := newSQ(t, 32)
	for _, tail := range []uint32{33, 1 << 31, ^uint32(0)} {
		atomic.StoreUint32(&q.header.Tail, tail)
		if q.Len() != 0 || q.Waiting() {
			t.Errorf("tail %d: %d wait", tail, q.Len())
		}
	}
	atomic.StoreUint32(&q.header.Tail, 32)
	atomic.StoreUint32(&q.header.Head, 12345)
	q.header.Nr, q.header.HeaderLength, q.header.Magic = 1<<31, 1<<31, 0
	if q.Len() != 32 {
		t.Errorf("%d wait, want 32", q.Len())
	}
	var e SQE
	for i := range q.Len() {
		q.Copy(i, &e)
	}
	q.Advance(32)
	if q.Len() != 0 {
		t.Errorf("%d wait after all were taken", q.Len())
	}
}

func TestSQFlags(t *testing.T) {
	q, s := newSQ(t, 32)
	if !s.Publish() {
		t.Error("a new sq does not ask for the bell")
	}
	q.ClearNeedWakeup()
	if s.Publish() || s.Dead() {
		t.Error("flags are set that were cleared")
	}
	q.SetNeedWakeup()
	q.SetDead()
	if !s.Publish() || !s.Dead() {
		t.Error("flags are not set")
	}
}

// A client reaps what a Ring has put, and sees DEAD.
func TestReaper(t *testing.T) {
	r, err := New(1, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, err := MapReaper(file(t, r.Memory()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var events [4]IOEvent
	next := uint64(0)
	for put := range uint64(1000) {
		complete(r, IOEvent{Data: put})
		if put%3 != 0 {
			continue
		}
		for n := c.Reap(events[:]); n > 0; n = c.Reap(events[:]) {
			for _, ev := range events[:n] {
				if ev.Data != next {
					t.Fatalf("event %d, want %d", ev.Data, next)
				}
				next++
			}
		}
		if next != put+1 || r.Len() != 0 {
			t.Fatalf("reaped %d of %d, %d left", next, put+1, r.Len())
		}
	}
	if c.Dead() {
		t.Error("dead before the kill")
	}
	if r.SetDead(); !c.Dead() {
		t.Error("not dead after the kill")
	}
}

// A file that is something else is refused, and nothing stays mapped.
func TestMapRefuses(t *testing.T) {
	r, err := New(1, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := MapSubmitter(file(t, r.Memory())); !errors.Is(err, unix.EPROTO) {
		t.Errorf("a ring as sq: %v", err)
	}
	empty, err := os.Create(t.TempDir() + "/empty")
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if _, err := MapReaper(empty); !errors.Is(err, unix.ENODEV) {
		t.Errorf("an empty file: %v", err)
	}
}
