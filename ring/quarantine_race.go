//go:build race

package ring

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// In builds with the race detector what was unmapped stays reserved for a while, without any right to it, as in KASAN's
// quarantine: a touch after the end faults then, where it would otherwise find the next owner of the address.

// span is whole pages that nobody may touch.
type span struct {
	p      unsafe.Pointer
	length int
}

// quarantine is a FIFO of spans. Its lock is a leaf.
type quarantine struct {
	maxSpans int // vm.max_map_count is 65530 by default
	maxBytes int // of address space: the pages themselves are given back

	mu    sync.Mutex
	spans []span // guarded by mu; oldest first
	bytes int    // guarded by mu; the sum of their lengths
}

var released = quarantine{maxSpans: 8192, maxBytes: 4 << 30}

func release(p unsafe.Pointer, length int) error {
	return released.put(span{p, length})
}

// put replaces the pages by a reservation and unmaps the oldest spans beyond the bounds.
func (q *quarantine) put(s span) error {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE | unix.MAP_FIXED
	if _, err := unix.MmapPtr(-1, 0, s.p, uintptr(s.length), unix.PROT_NONE, flags); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spans = append(q.spans, s)
	q.bytes += s.length
	for len(q.spans) > q.maxSpans || q.bytes > q.maxBytes {
		oldest := q.spans[0]
		q.spans = q.spans[1:]
		q.bytes -= oldest.length
		if err := unix.MunmapPtr(oldest.p, uintptr(oldest.length)); err != nil {
			return err
		}
	}
	return nil
}
