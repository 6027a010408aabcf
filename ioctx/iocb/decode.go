package iocb

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Decode makes r the request that the struct iocb in the first Size bytes of b is, and does what io_submit_one checks before it
// takes a slot. EINVAL: aio_reserved2 is not 0; aio_buf or aio_nbytes do not fit this machine's address space; a bit of
// aio_flags is unknown (a rule of aiofs; the kernel ignores it). What else is wrong with it is for Check to say.
//
// b may be memory that a client writes to meanwhile: it is read once and not kept.
func (r *Request) Decode(b []byte) error {
	var own [Size]byte
	copy(own[:], b[:Size])
	c := unpack(own)
	if c.Reserved2 != 0 {
		return refuse(unix.EINVAL, "aio_reserved2 is %#x, not 0", c.Reserved2)
	}
	if c.Buf != uint64(uintptr(c.Buf)) {
		return refuse(unix.EINVAL, "aio_buf %#x is no address on this machine", c.Buf)
	}
	if c.Nbytes != uint64(uint(c.Nbytes)) || int(c.Nbytes) < 0 {
		return refuse(unix.EINVAL, "aio_nbytes %d is out of range", c.Nbytes)
	}
	if unknown := c.Flags &^ knownFlags; unknown != 0 {
		return refuse(unix.EINVAL, "aio_flags has unknown bits %#x", unknown)
	}
	r.fromIocb(&c)
	return nil
}

// fromIocb maps the fields. Those that do not belong to the command are kept where Check must see them.
func (r *Request) fromIocb(c *Iocb) {
	*r = Request{Cmd: Cmd(c.LioOpcode), Binary: true, Tag: c.Data, HasTag: true}
	if c.Flags&FlagResfd != 0 {
		r.Resfd, r.HasResfd = int32(c.Resfd), true
	}
	if r.Cmd == CmdNoop {
		return
	}
	if c.Flags&FlagFile != 0 {
		r.File, r.Slot = FileSlot, c.Fildes
	} else {
		r.File, r.FD = FileFD, int32(c.Fildes)
	}
	if c.Flags&FlagIoprio != 0 {
		r.Ioprio, r.HasIoprio = uint16(c.Reqprio), true
	}
	r.Off, r.Len, r.MemOff, r.RWF = c.Offset, int64(c.Nbytes), c.Buf, c.RWFlags
	switch r.Cmd {
	case CmdPoll:
		r.Events = uint32(uint16(c.Buf))
	case CmdPread, CmdPwrite, CmdPreadv, CmdPwritev:
		r.Vec = r.Cmd == CmdPreadv || r.Cmd == CmdPwritev
		r.Mem = MemCaller
		if c.Flags&FlagBuf != 0 {
			r.Mem = MemBuf
		}
	}
}

// unpack is the inverse of AppendTo.
func unpack(b [Size]byte) Iocb {
	le := binary.LittleEndian
	return Iocb{
		Data:      le.Uint64(b[0:]),
		Key:       le.Uint32(b[8:]),
		RWFlags:   le.Uint32(b[12:]),
		LioOpcode: le.Uint16(b[16:]),
		Reqprio:   int16(le.Uint16(b[18:])),
		Fildes:    le.Uint32(b[20:]),
		Buf:       le.Uint64(b[24:]),
		Nbytes:    le.Uint64(b[32:]),
		Offset:    int64(le.Uint64(b[40:])),
		Reserved2: le.Uint64(b[48:]),
		Flags:     le.Uint32(b[56:]),
		Resfd:     le.Uint32(b[60:]),
	}
}
