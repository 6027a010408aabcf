//go:build !race

package ring

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// release unmaps whole pages at once. Builds with the race detector have a quarantine in its place.
//
// The kernel merges anonymous mappings that lie side by side, so taking one out can make two of one, and ENOMEM where
// vm.max_map_count is reached. Then the pages are given back and only their addresses stay taken.
func release(p unsafe.Pointer, length int) error {
	err := unix.MunmapPtr(p, uintptr(length))
	if errors.Is(err, unix.ENOMEM) {
		return unix.Madvise(unsafe.Slice((*byte)(p), length), unix.MADV_DONTNEED)
	}
	return err
}
