package uring

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/list"
)

// place is where a slot is.
type place uint8

const (
	placeFree   place = iota
	placeAgain        // a stream write of which a part is done; not known to the kernel
	placeKernel       // submitted
	placeDone         // res is known; its completer has it
)

// slot is one request in flight: it keeps the request, and so its memory, reachable while only the kernel knows of it.
// Slots are made as they are needed and used again for as long as the queue lives. Guarded by queue.mu.
type slot struct {
	q        *queue
	index    uint32 // in queue.slots, for good
	gen      uint32 // raised with each completion, so that a cancel that comes late finds nothing; 31 bits
	place    place
	canceled bool // was asked to stop
	req      *engine.Request
	moved    int64 // bytes of a stream write that are done
	thread   int   // that has submitted it, while place is placeKernel
	res      int64

	iov   []unix.Iovec    // where the kernel finds the segments; kept from one request to the next
	links list.Node[slot] // in the list that place says
}

// userData names the request to the kernel.
func (s *slot) userData() uint64 { return uint64(s.gen)<<32 | uint64(s.index) }

// What is not a request has these in its user_data.
const (
	ofCancel = 1 << 63 // beside what it cancels
	ofNobody = 1<<63 | math.MaxUint32
)

// rwMax is MAX_RW_COUNT for every page size up to 64 KiB: what one read or write moves at most.
const rwMax = math.MaxInt32 &^ (1<<16 - 1)

// prep fills an entry from the request.
func (s *slot) prep(e *sqe) {
	r := s.req
	e.userData, e.fd, e.personality = s.userData(), r.FD, s.q.personality
	switch r.Op {
	case engine.OpNop:
		e.opcode, e.fd = opNop, -1
	case engine.OpRead:
		s.prepRW(e, opRead, opReadv)
	case engine.OpWrite:
		s.prepRW(e, opWrite, opWritev)
	case engine.OpFsync:
		e.opcode = opFsync
	case engine.OpFdsync:
		e.opcode, e.opFlags = opFsync, fsyncDatasync
	case engine.OpPoll:
		e.opcode, e.opFlags = opPollAdd, pollMask(r.Events)
	default:
		e.opcode = opInvalid
	}
	if r.Fixed != 0 {
		e.flags, e.fd = sqeFixedFile, int32(r.Fixed-1)
	}
}

func (s *slot) prepRW(e *sqe, single, vectored uint8) {
	r := s.req
	// RWF_HIPRI is a hint to preadv2(2) and an error to an io_uring that does not poll.
	e.ioprio, e.opFlags = r.Ioprio, r.RWF&^unix.RWF_HIPRI
	e.off = uint64(r.Off)
	switch {
	case r.Class == engine.ClassStream:
		e.off = math.MaxUint64
	case r.Off == -1:
		// To io_uring the file's own position; every other negative one is EINVAL as for preadv2(2).
		e.off = 1 << 63
	}
	if r.Iov == nil {
		b := r.Buf[s.moved:]
		e.opcode = single
		e.addr, e.len = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), uint32(min(len(b), rwMax))
		return
	}
	s.iov = s.iov[:0]
	skip := int(s.moved)
	for _, b := range r.Iov {
		part := min(skip, len(b))
		b, skip = b[part:], skip-part
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		s.iov = append(s.iov, v)
	}
	e.opcode = vectored
	e.addr, e.len = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(s.iov)))), uint32(len(s.iov))
}

// pollMask is poll32_events, whose halves are exchanged on big-endian machines.
func pollMask(events uint32) uint32 {
	if cpu.IsBigEndian {
		return events<<16 | events>>16
	}
	return events
}

// result is what the owner is told: restart codes are -EINTR, an interrupted request that was asked to stop was cancelled, and a
// write that moved something succeeded.
func (s *slot) result(res int64) int64 {
	const restartSys, restartBlock = -512, -516 // ERESTARTSYS, ERESTART_RESTARTBLOCK of <linux/errno.h>
	if restartBlock <= res && res <= restartSys {
		res = -int64(unix.EINTR)
	}
	if s.canceled && res == -int64(unix.EINTR) {
		res = -int64(unix.ECANCELED)
	}
	if s.moved > 0 {
		res = s.moved + max(res, 0)
	}
	// io_uring implies POLLRDHUP too. Where that is all there is, it is better than nothing.
	if asked := res & int64(s.req.Events|unix.POLLERR|unix.POLLHUP); s.req.Op == engine.OpPoll && res > 0 && asked != 0 {
		res = asked
	}
	return res
}

// slotList is a list of slots, first in first out.
type slotList = list.List[slot]
