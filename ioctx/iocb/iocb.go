// Package iocb is a request to a kioctx: struct iocb of linux/aio_abi.h, and the line of text that says the same, both
// parsed to one Request and validated.
//
// What is wrong with a request is told by a Refusal: an errno, which is the kernel's and found in the kernel's order
// (io_submit_one, __io_submit_one and aio_prep_rw in fs/aio.c), and the reason in words.
//
// A request is looked at in two stages, because the kernel takes a slot and looks up the file in between:
//
//	Decode or ParseText   what can be judged from the request alone
//	                      (the caller: a free slot, the file, the eventfd)
//	Check                 what depends on the file
//
// Client programs pack an Iocb with AppendTo. Nothing here blocks, no lock is held, and nothing is shared between calls;
// a Request or a Splitter is used by one goroutine at a time.
package iocb

import (
	"encoding/binary"
	"strconv"
	"structs"
	"unsafe"
)

// Cmd is what a request does: an IOCB_CMD_* of linux/aio_abi.h, in aio_lio_opcode.
type Cmd uint16

// The commands. 4 was PREADX and is unknown to the kernel as well.
const (
	CmdPread   Cmd = 0
	CmdPwrite  Cmd = 1
	CmdFsync   Cmd = 2
	CmdFdsync  Cmd = 3
	CmdPoll    Cmd = 5
	CmdNoop    Cmd = 6 // refused by the kernel; here it completes with 0
	CmdPreadv  Cmd = 7
	CmdPwritev Cmd = 8
)

var cmdNames = [...]string{
	CmdPread: "pread", CmdPwrite: "pwrite", CmdFsync: "fsync", CmdFdsync: "fdsync",
	CmdPoll: "poll", CmdNoop: "noop", CmdPreadv: "preadv", CmdPwritev: "pwritev",
}

// String is the name as a text request and the op= of an event have it; the number where there is none.
func (c Cmd) String() string {
	if int(c) < len(cmdNames) && cmdNames[c] != "" {
		return cmdNames[c]
	}
	return strconv.Itoa(int(c))
}

// Bits of aio_flags. The first two are the kernel's; the others are of aiofs.
const (
	FlagResfd  = 1 << 0  // IOCB_FLAG_RESFD: aio_resfd is an eventfd, to be signalled after the event is visible
	FlagIoprio = 1 << 1  // IOCB_FLAG_IOPRIO: aio_reqprio is an I/O priority; without it aio_reqprio is ignored
	FlagFile   = 1 << 30 // IOCB_FLAG_FILE: aio_fildes is a slot of the context's files
	FlagBuf    = 1 << 31 // IOCB_FLAG_BUF: aio_buf is an offset into the context's buf, and so are the bases of an iovec array
)

const knownFlags = FlagResfd | FlagIoprio | FlagFile | FlagBuf

// Size of a struct iocb in bytes.
const Size = 64

// Iocb is struct iocb of linux/aio_abi.h, as it is on little-endian hosts (on the others Key and RWFlags change places).
type Iocb struct {
	_         structs.HostLayout
	Data      uint64 // comes back in the event
	Key       uint32 // ignored
	RWFlags   uint32 // RWF_*
	LioOpcode uint16 // a Cmd
	Reqprio   int16  // IOPRIO_PRIO_VALUE(class, level), with FlagIoprio
	Fildes    uint32 // a descriptor of the submitter; with FlagFile a slot
	Buf       uint64 // an address in the submitter; with FlagBuf an offset; for CmdPoll the POLL bits
	Nbytes    uint64 // bytes; the number of iovecs for CmdPreadv and CmdPwritev
	Offset    int64  // bytes
	Reserved2 uint64 // 0
	Flags     uint32 // Flag*
	Resfd     uint32 // an eventfd of the submitter, with FlagResfd
}

// A build fails here where the struct is not 64 bytes.
var _ [Size]byte = [unsafe.Sizeof(Iocb{})]byte{}

// AppendTo appends the 64 bytes of c to b, as a write to submit or a slot of sq wants them.
func (c *Iocb) AppendTo(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, c.Data)
	b = le.AppendUint32(b, c.Key)
	b = le.AppendUint32(b, c.RWFlags)
	b = le.AppendUint16(b, c.LioOpcode)
	b = le.AppendUint16(b, uint16(c.Reqprio))
	b = le.AppendUint32(b, c.Fildes)
	b = le.AppendUint64(b, c.Buf)
	b = le.AppendUint64(b, c.Nbytes)
	b = le.AppendUint64(b, uint64(c.Offset))
	b = le.AppendUint64(b, c.Reserved2)
	b = le.AppendUint32(b, c.Flags)
	return le.AppendUint32(b, c.Resfd)
}
