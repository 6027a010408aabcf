package ring

// MaxEvents is the most events a context can reserve: what ioctx_alloc of fs/aio.c allows before it says EINVAL.
const MaxEvents = 0x10000000 / eventSize

// Occupied is how many events lie between head and tail in a ring of nr: events_in_ring of refill_reqs_available in
// fs/aio.c. Both are taken modulo nr, so the result is below nr whatever a client wrote.
func Occupied(head, tail, nr uint32) uint32 {
	head %= nr
	tail %= nr
	if head <= tail {
		return tail - head
	}
	return nr - (head - tail)
}

// geometry is aio_setup_ring's: the bytes of a ring that can hold nrEvents, in whole pages, and how many events fit
// there. Two more are asked for, one because head == tail means empty, so a ring never holds nr.
func geometry(nrEvents uint32) (size int, nr uint32) {
	size = roundUp(HeaderLength + eventSize*(int(nrEvents)+2))
	return size, uint32((size - HeaderLength) / eventSize)
}
