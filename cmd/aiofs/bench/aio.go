package bench

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// aioPath is the kernel's own AIO: io_setup(2), io_submit(2), io_getevents(2). The unsafe pointers here are the system calls'
// arguments; all memory that the kernel keeps in mind lies outside the Go heap.
type aioPath struct {
	*setup
	ctx    uintptr
	mem    memory
	abi    memory // iocbs, the pointers to those of a submit, and io_events
	iocbs  []iocb.Iocb
	ptrs   []*iocb.Iocb
	events []ioEvent
}

// ioEvent is struct io_event of linux/aio_abi.h.
type ioEvent struct {
	data, obj uint64
	res, res2 int64
}

func openAIO(s *setup) (path, error) {
	a := &aioPath{setup: s}
	var err error
	if a.mem, err = newMemory(s.Depth * s.Block); err != nil {
		return nil, err
	}
	const each = iocb.Size + unsafe.Sizeof(uintptr(0)) + unsafe.Sizeof(ioEvent{})
	if a.abi, err = newMemory(s.Depth * int(each)); err != nil {
		return nil, errors.Join(err, a.mem.close())
	}
	if _, _, errno := unix.Syscall(unix.SYS_IO_SETUP, uintptr(s.Depth), uintptr(unsafe.Pointer(&a.ctx)), 0); errno != 0 {
		return nil, errors.Join(fmt.Errorf("io_setup: %w", errno), a.abi.close(), a.mem.close())
	}
	clear(a.abi)
	base := unsafe.Pointer(&a.abi[0])
	a.iocbs = unsafe.Slice((*iocb.Iocb)(base), s.Depth)
	a.events = unsafe.Slice((*ioEvent)(unsafe.Add(base, s.Depth*iocb.Size)), s.Depth)
	a.ptrs = unsafe.Slice((**iocb.Iocb)(unsafe.Add(base, s.Depth*int(iocb.Size+unsafe.Sizeof(ioEvent{})))), s.Depth)
	a.fillIocbs()
	return newQueued(s, a), nil
}

// fillIocbs writes what is the same in every request of a slot.
func (a *aioPath) fillIocbs() {
	op := iocb.CmdPread
	if a.Write {
		op = iocb.CmdPwrite
	}
	for i := range a.iocbs {
		a.iocbs[i] = iocb.Iocb{
			Data: uint64(i), LioOpcode: uint16(op), Fildes: uint32(a.file.Fd()),
			Buf: a.mem.address() + uint64(i*a.Block), Nbytes: uint64(a.Block),
		}
	}
}

func (a *aioPath) blocks() blocks { return a.mem }

func (a *aioPath) submit(slots []int, offs []int64) (int, error) {
	for i, slot := range slots {
		a.iocbs[slot].Offset = offs[i]
		a.ptrs[i] = &a.iocbs[slot]
	}
	for {
		n, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, a.ctx, uintptr(len(slots)), uintptr(unsafe.Pointer(&a.ptrs[0])))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, fmt.Errorf("io_submit: %w", errno)
		}
	}
}

func (a *aioPath) reap(done []completion) (int, error) {
	n, errno := uintptr(0), unix.EINTR
	for errno == unix.EINTR {
		n, _, errno = unix.Syscall6(unix.SYS_IO_GETEVENTS, a.ctx, 1, uintptr(len(done)), uintptr(unsafe.Pointer(&a.events[0])), 0, 0)
	}
	if errno != 0 {
		return 0, fmt.Errorf("io_getevents: %w", errno)
	}
	for i, e := range a.events[:n] {
		done[i] = completion{int(e.data), e.res}
	}
	return int(n), nil
}

// close waits for what is in flight, as io_destroy does.
func (a *aioPath) close() (err error) {
	if _, _, errno := unix.Syscall(unix.SYS_IO_DESTROY, a.ctx, 0, 0); errno != 0 {
		err = fmt.Errorf("io_destroy: %w", errno)
	}
	return errors.Join(err, a.abi.close(), a.mem.close())
}
