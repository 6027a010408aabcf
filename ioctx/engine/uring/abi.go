package uring

import (
	"structs"
	"unsafe"
)

// The structures of <linux/io_uring.h>, by the names they have there.

// sqe is struct io_uring_sqe, with the members of its unions that are used here.
type sqe struct {
	_           structs.HostLayout
	opcode      uint8
	flags       uint8  // IOSQE_*
	ioprio      uint16 // reads and writes only; elsewhere it must be 0
	fd          int32
	off         uint64
	addr        uint64 // buffer, iovec array, or the user_data that a cancel looks for
	len         uint32 // bytes, or segments
	opFlags     uint32 // rw_flags, fsync_flags or poll32_events
	userData    uint64
	bufIndex    uint16
	personality uint16
	fileIndex   int32
	addr3       uint64
	_           uint64
}

// cqe is struct io_uring_cqe.
type cqe struct {
	_        structs.HostLayout
	userData uint64
	res      int32
	flags    uint32
}

// sqringOffsets is struct io_sqring_offsets.
type sqringOffsets struct {
	_           structs.HostLayout
	head        uint32
	tail        uint32
	ringMask    uint32
	ringEntries uint32
	flags       uint32
	dropped     uint32
	array       uint32
	_           uint32
	_           uint64
}

// cqringOffsets is struct io_cqring_offsets.
type cqringOffsets struct {
	_           structs.HostLayout
	head        uint32
	tail        uint32
	ringMask    uint32
	ringEntries uint32
	overflow    uint32
	cqes        uint32
	flags       uint32
	_           uint32
	_           uint64
}

// params is struct io_uring_params.
type params struct {
	_            structs.HostLayout
	sqEntries    uint32
	cqEntries    uint32
	flags        uint32
	sqThreadCPU  uint32
	sqThreadIdle uint32
	features     uint32
	wqFD         uint32
	_            [3]uint32
	sqOff        sqringOffsets
	cqOff        cqringOffsets
}

// probeOp is struct io_uring_probe_op.
type probeOp struct {
	_     structs.HostLayout
	op    uint8
	_     uint8
	flags uint16
	_     uint32
}

// probeOps is struct io_uring_probe with room for every opcode there can be.
type probeOps struct {
	_      structs.HostLayout
	lastOp uint8
	opsLen uint8
	_      uint16
	_      [3]uint32
	ops    [256]probeOp
}

// Sizes that the kernel insists on: a wrong one does not compile.
var (
	_ [64]byte         = [unsafe.Sizeof(sqe{})]byte{}
	_ [16]byte         = [unsafe.Sizeof(cqe{})]byte{}
	_ [40]byte         = [unsafe.Sizeof(sqringOffsets{})]byte{}
	_ [40]byte         = [unsafe.Sizeof(cqringOffsets{})]byte{}
	_ [120]byte        = [unsafe.Sizeof(params{})]byte{}
	_ [16 + 256*8]byte = [unsafe.Sizeof(probeOps{})]byte{}
)

// Opcodes that requests become.
const (
	opNop         = 0  // IORING_OP_NOP
	opReadv       = 1  // IORING_OP_READV
	opWritev      = 2  // IORING_OP_WRITEV
	opFsync       = 3  // IORING_OP_FSYNC
	opPollAdd     = 6  // IORING_OP_POLL_ADD
	opAsyncCancel = 14 // IORING_OP_ASYNC_CANCEL
	opRead        = 22 // IORING_OP_READ
	opWrite       = 23 // IORING_OP_WRITE
	opInvalid     = 0xff
)

const (
	sqeFixedFile      = 1 << 0 // IOSQE_FIXED_FILE
	sqeCQESkipSuccess = 1 << 6 // IOSQE_CQE_SKIP_SUCCESS

	fsyncDatasync = 1 << 0 // IORING_FSYNC_DATASYNC

	setupCQSize    = 1 << 3 // IORING_SETUP_CQSIZE
	setupClamp     = 1 << 4 // IORING_SETUP_CLAMP
	setupSubmitAll = 1 << 7 // IORING_SETUP_SUBMIT_ALL, Linux 5.18

	enterGetevents = 1 << 0 // IORING_ENTER_GETEVENTS

	sqCQOverflow      = 1 << 1 // IORING_SQ_CQ_OVERFLOW, in the submission ring's flags
	cqEventfdDisabled = 1 << 0 // IORING_CQ_EVENTFD_DISABLED, in the completion ring's flags

	offSQRing = 0          // IORING_OFF_SQ_RING
	offSQEs   = 0x10000000 // IORING_OFF_SQES

	registerEventfd        = 4  // IORING_REGISTER_EVENTFD
	registerFilesUpdate    = 6  // IORING_REGISTER_FILES_UPDATE
	registerProbe          = 8  // IORING_REGISTER_PROBE
	registerPersonality    = 9  // IORING_REGISTER_PERSONALITY
	registerFiles2         = 13 // IORING_REGISTER_FILES2, Linux 5.13
	registerIOWQMaxWorkers = 19 // IORING_REGISTER_IOWQ_MAX_WORKERS, Linux 5.15
	rsrcRegisterSparse     = 1  // IORING_RSRC_REGISTER_SPARSE, Linux 5.19
	opSupported            = 1  // IO_URING_OP_SUPPORTED
	ioWQBound              = 0  // IO_WQ_BOUND
)

// Features that the engine cannot do without: IORING_FEAT_*.
const (
	featSingleMmap    = 1 << 0
	featNodrop        = 1 << 1
	featSubmitStable  = 1 << 2
	featRWCurPos      = 1 << 3
	featFastPoll      = 1 << 5
	featPoll32Bits    = 1 << 6
	featNativeWorkers = 1 << 9
	featCQESkip       = 1 << 11
)
