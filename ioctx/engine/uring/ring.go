package uring

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/cred"
	"github.com/aiofs/aiofs/ioctx/engine/osthread"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// ring is one io_uring: its descriptor and the memory it shares with the kernel. None of that memory is Go's:
//
//	mem:   sq head, tail, flags | cq head, tail, flags | cqes | sq array (made the identity once)
//	sqes:  the entries that the array points to
//
// The kernel advances sqHead and cqTail, we advance sqTail and cqHead; all four run freely through 32 bits and are masked at
// each use. The atomic store of a tail publishes the entries before it, the atomic load of a tail makes them visible.
type ring struct {
	fd   int
	mem  []byte
	smem []byte

	sqHead, sqTail, sqFlags *atomic.Uint32
	cqHead, cqTail, cqFlags *atomic.Uint32

	sqes []sqe // a power of two
	cqes []cqe // a power of two
}

// setupRing makes an io_uring of sqEntries and cqEntries, both rounded up to powers of two and cut to what the
// kernel allows, and maps it.
func setupRing(sqEntries, cqEntries uint32) (*ring, *params, error) {
	p := &params{flags: setupCQSize | setupClamp | setupSubmitAll, cqEntries: cqEntries}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(sqEntries), uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return nil, nil, errno
	}
	r := &ring{fd: int(fd)}
	if p.features&featSingleMmap == 0 {
		return nil, nil, errors.Join(missingFeature("IORING_FEAT_SINGLE_MMAP"), r.close())
	}
	if err := r.mmap(p); err != nil {
		return nil, nil, errors.Join(err, r.close())
	}
	return r, p, nil
}

func (r *ring) mmap(p *params) error {
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	size := max(p.sqOff.array+4*p.sqEntries, p.cqOff.cqes+16*p.cqEntries)
	var err error
	if r.mem, err = unix.Mmap(r.fd, offSQRing, int(size), prot, flags); err != nil {
		return err
	}
	if r.smem, err = unix.Mmap(r.fd, offSQEs, int(64*p.sqEntries), prot, flags); err != nil {
		return err
	}
	r.sqHead, r.sqTail, r.sqFlags = r.index(p.sqOff.head), r.index(p.sqOff.tail), r.index(p.sqOff.flags)
	r.cqHead, r.cqTail, r.cqFlags = r.index(p.cqOff.head), r.index(p.cqOff.tail), r.index(p.cqOff.flags)
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&r.smem[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&r.mem[p.cqOff.cqes])), p.cqEntries)
	array := unsafe.Slice((*uint32)(unsafe.Pointer(&r.mem[p.sqOff.array])), p.sqEntries)
	for i := range array {
		array[i] = uint32(i)
	}
	return nil
}

func (r *ring) index(off uint32) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&r.mem[off])) }

// close unmaps and closes the ring. The kernel ends what is left of it in its own time.
func (r *ring) close() error {
	var err error
	for _, m := range [][]byte{r.mem, r.smem} {
		if m != nil {
			err = errors.Join(err, unix.Munmap(m))
		}
	}
	return errors.Join(err, unix.Close(r.fd))
}

// full reports whether there is no room for another entry.
func (r *ring) full() bool { return r.pending() == uint32(len(r.sqes)) }

// push gives the entry at the tail to fill; the queue is not full. The kernel reads it at the next enter.
func (r *ring) push() *sqe {
	e := &r.sqes[r.sqTail.Load()&uint32(len(r.sqes)-1)]
	*e = sqe{}
	return e
}

// advance publishes the entry that push gave.
func (r *ring) advance() { r.sqTail.Add(1) }

// pending is how many entries the kernel has not taken.
func (r *ring) pending() uint32 { return r.sqTail.Load() - r.sqHead.Load() }

// unpush takes back the last entry that the kernel has not taken and returns its user_data. Without SQPOLL
// the kernel looks at the queue only inside an enter, so between two of them the tail may move back.
func (r *ring) unpush() uint64 {
	tail := r.sqTail.Load() - 1
	r.sqTail.Store(tail)
	return r.sqes[tail&uint32(len(r.sqes)-1)].userData
}

// empty reports whether the completion queue is.
func (r *ring) empty() bool { return r.cqHead.Load() == r.cqTail.Load() }

// overflowed reports whether the kernel holds completions back for want of room in the completion queue.
func (r *ring) overflowed() bool { return r.sqFlags.Load()&sqCQOverflow != 0 }

// enter is io_uring_enter(2), never waiting for completions. What it took shows in sqHead.
func enter(fd int, submit, flags uint32) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(fd), uintptr(submit), 0, uintptr(flags), 0, 0)
	return errno
}

// register is io_uring_register(2).
func (r *ring) register(op uintptr, arg unsafe.Pointer, n uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), op, uintptr(arg), n, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// setEventfd has the kernel add 1 to the eventfd with each completion.
func (r *ring) setEventfd(fd int32) error {
	return r.register(registerEventfd, unsafe.Pointer(&fd), 1)
}

// registerCred makes c one of the ring's personalities and returns its id. EPERM where the daemon may not take c.
func (r *ring) registerCred(c *cred.Cred) (id uint16, err error) {
	done := make(chan struct{})
	// On a thread that ends with it: completions run as task work on those that submit, and must not find other rights there.
	osthread.Go(func() {
		defer close(done)
		if err = cred.Take(c); err != nil {
			return
		}
		n, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerPersonality, 0, 0, 0, 0)
		if id = uint16(n); errno != 0 {
			err = errno
		}
	})
	<-done
	return id, err
}

// workers is how many requests for files on local disks may block at once in the io-wq of a thread: each fsync does, and most buffered writes.
// The kernel's own number, of four a CPU, is cut to the entries of the ring that the thread enters first (io_init_wq_offload in
// io_uring/tctx.c) and stays with it: a context of one request would leave a single worker to all others. It is the same for every
// ring, so that it does not matter which comes first.
const workers = threads.LocalThreads

// allowWorkers has n workers for regular files and block devices on the threads that have entered the ring and, where this ring is the
// first that a thread enters, on that one. RLIMIT_NPROC may cut it. Those for streams, which wait in poll, are left as they are.
func (r *ring) allowWorkers(n uint32) error {
	counts := [2]uint32{ioWQBound: n}
	return r.register(registerIOWQMaxWorkers, unsafe.Pointer(&counts[0]), 2)
}

func membarrier(cmd uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, cmd, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
