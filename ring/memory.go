package ring

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Memory is memory outside the Go heap, which the kernel, and where it is a memfd a client, may write to at any time. It
// has one owner, who alone calls Grow, Trim and Close and sees to it that nobody else uses the Memory meanwhile.
type Memory struct {
	data []byte // len is what was asked for; the mapping is that in whole pages; nil once closed
	fd   int    // -1: anonymous
}

// mapped is the sum of all mappings, in bytes.
var mapped atomic.Int64

// Mapped is how many bytes all Memories have mapped now, in whole pages. It is 0 where every one was closed.
func Mapped() int64 {
	return mapped.Load()
}

// NewMemory maps size bytes of anonymous private memory, zeroed. It fails with EINVAL where size is not positive and with
// ENOMEM, both wrapped.
func NewMemory(size int) (*Memory, error) {
	data, err := mmap(-1, size, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("memory of %d bytes: %w", size, err)
	}
	return &Memory{data: data, fd: -1}, nil
}

// Bytes is the memory, Size bytes of it. The slice is dead after Grow and Close, and behind size after Trim.
func (m *Memory) Bytes() []byte {
	return m.data
}

// Size in bytes, as it was asked for.
func (m *Memory) Size() int {
	return len(m.data)
}

// FD is the memfd, -1 for anonymous memory. It is the Memory's: valid until Close.
func (m *Memory) FD() int {
	return m.fd
}

// Trim gives the whole pages beyond size back, and keeps Bytes()[:size] where it is. It is for anonymous memory: a memfd
// is sealed against it, and fails with EINVAL, as does a size that is not positive or above Size.
func (m *Memory) Trim(size int) error {
	if m.fd >= 0 || size <= 0 || size > len(m.data) {
		return fmt.Errorf("trim from %d to %d bytes: %w", len(m.data), size, unix.EINVAL)
	}
	if keep, end := roundUp(size), roundUp(len(m.data)); keep < end {
		munmap(unsafe.Add(unsafe.Pointer(&m.data[0]), keep), end-keep)
	}
	m.data = m.data[:size:size]
	return nil
}

// Close unmaps the memory and closes its descriptor. A second Close panics: whoever does that would one day have closed
// somebody else's.
func (m *Memory) Close() error {
	if m.data == nil {
		panic("ring: Close of a Memory that is closed")
	}
	unmapBytes(m.data)
	m.data = nil
	if m.fd < 0 {
		return nil
	}
	fd := m.fd
	m.fd = -1
	return unix.Close(fd)
}

// mmap maps the whole pages that hold size bytes and returns those bytes.
func mmap(fd, size, flags int) ([]byte, error) {
	length := roundUp(size)
	if size <= 0 || length < size {
		return nil, unix.EINVAL
	}
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(length), unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return nil, err
	}
	mapped.Add(int64(length))
	return unsafe.Slice((*byte)(p), length)[:size:size], nil
}

// unmapBytes undoes mmap.
func unmapBytes(data []byte) {
	munmap(unsafe.Pointer(&data[0]), roundUp(len(data)))
}

// munmap gives whole pages back that mmap returned; release fails only where they are not such.
func munmap(p unsafe.Pointer, length int) {
	if err := release(p, length); err != nil {
		panic(fmt.Sprintf("ring: unmap of %d bytes at %p: %v", length, p, err))
	}
	mapped.Add(-int64(length))
}

// roundUp is size in whole pages; it overflows to a negative number.
func roundUp(size int) int {
	page := os.Getpagesize()
	return (size + page - 1) &^ (page - 1)
}
