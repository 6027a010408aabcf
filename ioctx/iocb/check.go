package iocb

import (
	"math"

	"golang.org/x/sys/unix"
)

// Check does what the kernel does once it has a slot, the file and the eventfd (the end of __io_submit_one), up to where the I/O
// would start. Its errno, in the order in which they are looked for:
//
//	EINVAL      an unknown command
//	EINVAL      fsync, fdsync: a field that does not belong to it; the file has no fsync (aio_fsync)
//	EINVAL      poll: more than 16 bits of events, a field that does not belong to it (aio_poll)
//	            reads and writes (aio_read, aio_write):
//	EPERM       the real-time I/O class without the right to it (ioprio_check_cap)
//	EINVAL      an unknown I/O class, a level for the class none
//	EOPNOTSUPP  an unknown RWF bit (kiocb_set_rw_flags)
//	EINVAL      RWF_APPEND together with RWF_NOAPPEND
//	EOPNOTSUPP  RWF_ATOMIC on a read
//	EPERM       RWF_NOAPPEND on an append-only file
//	EBADF       the file is not open for this
//	EINVAL      the file cannot be read or written by requests
//	EINVAL      more than MaxIov iovecs
//	EINVAL      a negative offset, also for a stream; an offset so high that the end would overflow (rw_verify_area)
//
// What the kernel finds out from the file system (RWF_NOWAIT, RWF_ATOMIC or RWF_DONTCACHE where it has none) is left to
// the I/O itself. Check clears RWF_HIPRI, as aio_prep_rw does. The iovecs of a vectored request are the caller's to
// read after it, and their sum to pass to VerifyArea. A text request by path is checked once its file is open.
func (r *Request) Check(f FileInfo) error {
	switch r.Cmd {
	case CmdNoop:
		return nil
	case CmdFsync, CmdFdsync:
		return r.checkFsync(f)
	case CmdPoll:
		return r.checkPoll()
	case CmdPread, CmdPreadv, CmdPwrite, CmdPwritev:
		return r.checkRW(f)
	}
	return refuse(unix.EINVAL, "aio_lio_opcode %d is no command", uint16(r.Cmd))
}

func (r *Request) checkFsync(f FileInfo) error {
	if r.MemOff != 0 || r.Off != 0 || r.Len != 0 || r.RWF != 0 {
		return refuse(unix.EINVAL, "%v wants aio_buf, aio_offset, aio_nbytes and aio_rw_flags to be 0", r.Cmd)
	}
	if f.NoFsync {
		return refuse(unix.EINVAL, "the file has no fsync")
	}
	return nil
}

func (r *Request) checkPoll() error {
	if r.MemOff > math.MaxUint16 {
		return refuse(unix.EINVAL, "poll events %#x are more than 16 bits", r.MemOff)
	}
	if r.Off != 0 || r.Len != 0 || r.RWF != 0 {
		return refuse(unix.EINVAL, "poll wants aio_offset, aio_nbytes and aio_rw_flags to be 0")
	}
	return nil
}

func (r *Request) checkRW(f FileInfo) error {
	if err := r.checkIoprio(f.Priv); err != nil {
		return err
	}
	if err := r.checkRWFlags(); err != nil {
		return err
	}
	if r.RWF&rwfNoappend != 0 && f.AppendOnly {
		return refuse(unix.EPERM, "rw flag noappend on an append-only file")
	}
	r.RWF &^= rwfHipri
	if err := r.checkMode(f); err != nil {
		return err
	}
	count := r.Len
	if r.Vec {
		if count > MaxIov {
			return refuse(unix.EINVAL, "%d iovecs are more than %d", count, MaxIov)
		}
		count = 0
	}
	return r.VerifyArea(count)
}

func (r *Request) writes() bool { return r.Cmd == CmdPwrite || r.Cmd == CmdPwritev }

func (r *Request) checkMode(f FileInfo) error {
	switch {
	case r.writes() && !f.Writable:
		return refuse(unix.EBADF, "the file is not open for writing")
	case !r.writes() && !f.Readable:
		return refuse(unix.EBADF, "the file is not open for reading")
	case r.writes() && f.NoWrite:
		return refuse(unix.EINVAL, "a file of this kind cannot be written")
	case !r.writes() && f.NoRead:
		return refuse(unix.EINVAL, "a file of this kind cannot be read (is it a directory?)")
	}
	return nil
}

// checkRWFlags is the part of kiocb_set_rw_flags that needs no file.
func (r *Request) checkRWFlags() error {
	switch {
	case r.RWF&^rwfSupported != 0:
		return refuse(unix.EOPNOTSUPP, "aio_rw_flags has unknown bits %#x", r.RWF&^rwfSupported)
	case r.RWF&rwfAppend != 0 && r.RWF&rwfNoappend != 0:
		return refuse(unix.EINVAL, "rw flags append and noappend exclude each other")
	case r.RWF&rwfAtomic != 0 && !r.writes():
		return refuse(unix.EOPNOTSUPP, "rw flag atomic is for writes")
	}
	return nil
}

// VerifyArea is rw_verify_area for count bytes at r.Off. EINVAL: the offset is negative, or the end of the count that the kernel
// cuts to MaxRWCount lies beyond 2^63-1. For a vectored request count is the sum of its iovecs.
func (r *Request) VerifyArea(count int64) error {
	if r.Off < 0 {
		return refuse(unix.EINVAL, "offset %d is negative", r.Off)
	}
	if count = min(count, MaxRWCount); r.Off > math.MaxInt64-max(count, 0) {
		return refuse(unix.EINVAL, "offset %d and length %d overflow", r.Off, count)
	}
	return nil
}
