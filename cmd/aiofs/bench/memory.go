package bench

import (
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory is what requests of this process read into and write from: whole pages outside the Go heap, as O_DIRECT and a kernel that
// works while the caller goes on want it.
type memory []byte

var (
	_ = (io.ReaderAt)(memory(nil))
	_ = (io.WriterAt)(memory(nil))
)

// newMemory maps size bytes and touches them. The content is of no use but as something to write.
func newMemory(size int) (memory, error) {
	m, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("memory of %s: %w", bytesText(int64(size)), err)
	}
	fill(m, 0, 0)
	return m, nil
}

func (m memory) close() error { return unix.Munmap(m) }

// address is where it begins, as an iocb has it. Being outside the Go heap it stays there.
func (m memory) address() uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(m)))) }

// block is the i-th block of size bytes.
func (m memory) block(i, size int) []byte { return m[i*size : (i+1)*size : (i+1)*size] }

func (m memory) ReadAt(b []byte, off int64) (int, error)  { return copy(b, m[off:]), nil }
func (m memory) WriteAt(b []byte, off int64) (int, error) { return copy(m[off:], b), nil }
