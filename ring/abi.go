package ring

import (
	"structs"
	"unsafe"
)

// Header is struct aio_ring of fs/aio.c. It is private to the kernel, but has been its ABI since libaio began to reap
// events without a system call.
type Header struct {
	_ structs.HostLayout

	ID               uint32 // the context's number, for whoever looks; never read back
	Nr               uint32 // how many IOEvents follow; never read back
	Head             uint32 // the next event to take; the client's to write
	Tail             uint32 // where the next event will be put; written by the daemon, never read back
	Magic            uint32
	CompatFeatures   uint32
	IncompatFeatures uint32
	HeaderLength     uint32 // bytes before the first IOEvent
}

// IOEvent is struct io_event of <linux/aio_abi.h>: a completion.
type IOEvent struct {
	_ structs.HostLayout

	Data uint64 // the request's aio_data
	Obj  uint64 // the request's seq in its context
	Res  int64  // bytes, revents, or -errno
	Res2 int64  // 0
}

// What a ring's Header holds: AIO_RING_MAGIC, AIO_RING_COMPAT_FEATURES and AIO_RING_INCOMPAT_FEATURES (0) of fs/aio.c.
const (
	Magic          = 0xa10a10a1
	CompatFeatures = 1
	HeaderLength   = 32
	// IncompatDead is the bit of IncompatFeatures that says the context was killed. The kernel has no such bit: there the
	// mapping is gone.
	IncompatDead = 1
)

const eventSize = 32

// A difference that is not 0 is no array length of both signs.
var (
	_ [HeaderLength - unsafe.Sizeof(Header{})]struct{}
	_ [unsafe.Sizeof(Header{}) - HeaderLength]struct{}
	_ [eventSize - unsafe.Sizeof(IOEvent{})]struct{}
	_ [unsafe.Sizeof(IOEvent{}) - eventSize]struct{}
)
