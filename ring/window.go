package ring

import "sync/atomic"

// Window is the events that lay in a ring at one moment. It is a value, taken once for a batch, so that a client who moves
// head meanwhile changes nothing about how many there are or where.
type Window struct {
	ring *Ring
	head uint32 // below nr
	n    uint32 // below nr
}

// Peek looks at what is in the ring: the first half of aio_read_events_ring. The consumer calls it, one at a time, and is
// done with the Window before another comes. Events put later are not in it.
func (r *Ring) Peek() Window {
	// Loaded before any event is read, so all that tail covers is there. The header's tail would be the client's word.
	tail := r.tail.Load()
	nr := r.Nr()
	head := atomic.LoadUint32(&r.header.Head) % nr
	return Window{ring: r, head: head, n: Occupied(head, tail, nr)}
}

// Len is how many events are in the ring now, as far as the client's head tells: below Nr whatever it holds. Any
// goroutine may call it, until Close.
func (r *Ring) Len() uint32 {
	return r.Peek().n
}

// Len is how many events the Window has, below Nr.
func (w Window) Len() uint32 {
	return w.n
}

// At copies the i-th event, i below Len, and says at which index of the ring it lies. The copy is what the memory holds:
// a client may have written it, or have moved head so that the producer is writing it now.
func (w Window) At(i uint32) (ev IOEvent, index uint32) {
	index = (w.head + i) % w.ring.Nr()
	return w.ring.events[index], index
}

// Advance takes the first n events, n at most Len, out of the ring by storing head behind them: the end of
// aio_read_events_ring. A head that the client stored since Peek is lost.
func (w Window) Advance(n uint32) {
	atomic.StoreUint32(&w.ring.header.Head, (w.head+n)%w.ring.Nr())
}
