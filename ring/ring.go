// Package ring is struct aio_ring and struct io_event in shared memory: the completion ring of a kioctx.
//
//	offset  0    4    8      12     16      20       24         28
//	        id   nr   head   tail   magic   compat   incompat   header_length     Header, u32 each
//	       32    IOEvent 0      data u64, obj u64, res s64, res2 s64
//	       64    IOEvent 1
//	       ...   IOEvent nr-1   up to the end of the last page
//
// Events lie from head to tail, both below nr; head == tail means none, so a ring of nr holds at most nr-1.
//
// The memory is the client's too, who maps it and may store anything anywhere at any time. So nothing is believed that was read
// from it: nr and tail are kept in the Ring, head is taken modulo nr, and an event is copied once. What a client writes
// costs that client its own events.
//
// Order. Put writes an event, then Publish stores tail; a consumer loads tail, then reads the event, and stores head when it is
// done with it. These are atomic operations, at least release and acquire as a client sees them (smp_wmb of aio_complete,
// smp_rmb of aio_read_events_ring in fs/aio.c).
//
// Locks: the package has none to hold. A Ring has one producer at a time and one consumer at a time, by two locks of its
// user, completion_lock and ring_lock in fs/aio.c. Other methods say what they need.
//
// Builds with the race detector never reuse what was unmapped at once: a touch after Close faults.
package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is a completion ring and its memory. Nobody may use it during or after Close.
type Ring struct {
	mem    *Memory
	header *Header
	events []IOEvent // len is nr, which is greater than the events that can be in flight: invariant 4

	// tail is ours; what the header shows is a copy for the client. Written by the producer, read by the consumer.
	tail atomic.Uint32
	next uint32 // of what was put; tail is of what was published. The producer's
}

// New makes a ring for nrEvents requests in flight: aio_setup_ring. id is for the client to see. It fails with EINVAL
// where nrEvents is 0 or above MaxEvents, and with what NewMemfd fails with, all wrapped.
func New(id, nrEvents uint32) (*Ring, error) {
	if nrEvents == 0 || nrEvents > MaxEvents {
		return nil, fmt.Errorf("ring of %d events: %w", nrEvents, unix.EINVAL)
	}
	size, nr := geometry(nrEvents)
	mem, h, first, err := newShared("aio_ring", size, Header{
		ID: id, Nr: nr, Magic: Magic, CompatFeatures: CompatFeatures, HeaderLength: HeaderLength,
	})
	if err != nil {
		return nil, err
	}
	return &Ring{mem: mem, header: h, events: unsafe.Slice((*IOEvent)(first), nr)}, nil
}

// newShared makes memory of size bytes that begins with h, and says where what follows h begins.
func newShared(name string, size int, h Header) (mem *Memory, header *Header, first unsafe.Pointer, err error) {
	if mem, err = NewMemfd(name, size); err != nil {
		return nil, nil, nil, err
	}
	if err := mem.Freeze(); err != nil {
		mem.Close()
		return nil, nil, nil, err
	}
	header = (*Header)(unsafe.Pointer(&mem.Bytes()[0]))
	*header = h
	return mem, header, unsafe.Add(unsafe.Pointer(header), h.HeaderLength), nil
}

// Nr is how many events the memory has room for. One place always stays empty.
func (r *Ring) Nr() uint32 {
	return uint32(len(r.events))
}

// FD is the memfd, for a client to map. It is the Ring's: valid until Close.
func (r *Ring) FD() int {
	return r.mem.FD()
}

// Memory is what the ring lies in, header first. It is closed by the Ring's Close only.
func (r *Ring) Memory() *Memory {
	return r.mem
}

// SetDead tells clients that map the ring that its context was killed. Any goroutine may call it, until Close.
func (r *Ring) SetDead() {
	atomic.OrUint32(&r.header.IncompatFeatures, IncompatDead)
}

// Close gives the memory and the descriptor back; what clients have mapped stays theirs. A second Close panics.
func (r *Ring) Close() error {
	return r.mem.Close()
}

// Put stores an event behind the last: the middle of aio_complete. Consumers see it after Publish. The producer calls it, one at a
// time, and never for more requests than have slots: it does not look at head, which proves nothing, and overwrites. It
// returns the event's index, below Nr, for who keeps something beside each event.
func (r *Ring) Put(ev IOEvent) (index uint32) {
	index = r.next
	r.events[index] = ev
	if r.next++; r.next == r.Nr() {
		r.next = 0
	}
	return index
}

// Publish shows what was put: the end of aio_complete. The producer calls it, one at a time. For a batch of events it is one full barrier,
// whose cost is that of waiting for each of their cache lines, which the client has.
func (r *Ring) Publish() {
	// Invariant 4: the events first, then the tail that shows them; ours for Peek, the header's for a client.
	r.tail.Store(r.next)
	atomic.StoreUint32(&r.header.Tail, r.next)
}
