package uring

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// None of the system calls here blocks, nor reaches a file system: a FIFO may lie on one that hangs.

// wouldFail reports whether a read or write of a stream ends with EAGAIN because its description is O_NONBLOCK. To io_uring
// that flag says to wait in poll, and RWF_NOWAIT, which does not, is refused for FIFOs and terminals. (A competing reader between
// this look and the read makes the read wait.)
func wouldFail(r *engine.Request) bool {
	var events int16
	switch r.Op {
	case engine.OpRead:
		events = unix.POLLIN
	case engine.OpWrite:
		events = unix.POLLOUT
	default:
		return false
	}
	if !nonblocking(r.FD) {
		return false
	}
	fds := []unix.PollFd{{Fd: r.FD, Events: events}}
	n, err := unix.Poll(fds, 0)
	return n == 0 || err == unix.EINTR // a signal is looked at only where nothing is ready
}

// goesOn reports whether a write that moved res bytes is to go on with the rest. io_uring ends a write to a pipe or socket that
// is full with what there was room for; write(2), unless told not to wait, ends when all is written.
func (s *slot) goesOn(res int64) bool {
	r := s.req
	if r.Op != engine.OpWrite || r.Class != engine.ClassStream || res <= 0 || s.canceled || r.RWF&unix.RWF_NOWAIT != 0 {
		return false
	}
	total := int64(len(r.Buf))
	for _, b := range r.Iov {
		total += int64(len(b))
	}
	return s.moved+res < total && takesParts(r.FD) && !nonblocking(r.FD)
}

// takesParts tells a pipe or stream socket from what takes less than it is given for another reason, as an eventfd does.
func takesParts(fd int32) bool {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0); err == nil {
		return true
	}
	kind, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_STREAM
}

func nonblocking(fd int32) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_NONBLOCK != 0
}
