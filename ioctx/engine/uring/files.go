package uring

import (
	"math/bits"
	"structs"
	"unsafe"
)

// fixedFiles is how many files a ring knows at most: as many as there are bits in fixed.used.
const fixedFiles = 64

// fixed is a ring's table of files. Guarded by queue.filesMu.
type fixed struct {
	made bool   // the table was asked for
	used uint64 // a bit for each place; all, where the kernel has given no table
	fd   int32  // what a call puts into a place: the kernel finds it by its address, so it lies where Go moves nothing
}

// rsrcRegister is struct io_uring_rsrc_register.
type rsrcRegister struct {
	_     structs.HostLayout
	nr    uint32
	flags uint32
	_     uint64
	data  uint64
	tags  uint64
}

// filesUpdate is struct io_uring_files_update, since Linux 5.19 named io_uring_rsrc_update.
type filesUpdate struct {
	_      structs.HostLayout
	offset uint32
	_      uint32
	fds    uint64
}

var (
	_ [32]byte = [unsafe.Sizeof(rsrcRegister{})]byte{}
	_ [16]byte = [unsafe.Sizeof(filesUpdate{})]byte{}
)

// Register implements engine.Registrar. The table is made at the first file; before Linux 5.19, which cannot make an empty one, there is
// none.
func (q *queue) Register(fd int32) (fixed uint32) {
	q.filesMu.Lock()
	defer q.filesMu.Unlock()
	f := &q.files
	if !f.made {
		f.made = true
		if q.ring.registerFiles(fixedFiles) != nil {
			f.used = ^uint64(0)
		}
	}
	i := uint32(bits.TrailingZeros64(^f.used))
	if i == fixedFiles || f.put(q.ring, i, fd) != nil {
		return 0
	}
	f.used |= 1 << i
	return i + 1
}

// Unregister implements engine.Registrar. Before Linux 6.13 the kernel may let go of the file later, when requests are over that were
// submitted before.
func (q *queue) Unregister(fixed uint32) {
	q.filesMu.Lock()
	defer q.filesMu.Unlock()
	i := fixed - 1
	if q.files.put(q.ring, i, -1) == nil { // else the place stays taken
		q.files.used &^= 1 << i
	}
}

// registerFiles makes an empty table of n files.
func (r *ring) registerFiles(n uint32) error {
	arg := rsrcRegister{nr: n, flags: rsrcRegisterSparse}
	return r.register(registerFiles2, unsafe.Pointer(&arg), unsafe.Sizeof(arg))
}

// put puts the file of fd into place i, or nothing where fd is -1.
func (f *fixed) put(r *ring, i uint32, fd int32) error {
	f.fd = fd
	arg := filesUpdate{offset: i, fds: uint64(uintptr(unsafe.Pointer(&f.fd)))}
	return r.register(registerFilesUpdate, unsafe.Pointer(&arg), 1)
}
