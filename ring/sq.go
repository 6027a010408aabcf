package ring

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SQ is a submission ring and its memory, the daemon's side.
//
//	offset  0    4    8      12     16      20       24         28              64
//	        id   nr   head   tail   magic   flags    incompat   header_length   struct iocb 0, 1, ... nr-1
//
// nr is a power of two. head and tail run freely through 32 bits and are taken modulo nr; tail is the client's, head the
// daemon's. As in a Ring nothing is believed that was read from the memory: head is kept here too, a tail more than nr
// ahead of it says nothing, and an iocb is copied before anything of it is looked at.
//
// One goroutine at a time takes iocbs, by a lock of the SQ's user. Nobody may use it during or after Close.
type SQ struct {
	mem    *Memory
	header *Header
	iocbs  []SQE // len is nr
	head   uint32
}

// SQE is a place for a struct iocb.
type SQE [sqeSize]byte

const sqeSize = 64 // sizeof(struct iocb)

// What the header of a submission ring holds.
const (
	SQMagic        = 0xa10a51a1
	SQHeaderLength = 64 // so that an iocb lies in one cache line
	// SQNeedWakeup is the bit of flags that asks for a byte in doorbell after tail was stored.
	SQNeedWakeup = 1 << 0
	// SQDead is the bit of flags that says the context was killed.
	SQDead = 1 << 1
)

// NewSQ makes a submission ring of nr iocbs, rounded up to a power of two and to what a page holds. id is for the client to
// see. It begins with SQNeedWakeup set. It fails with EINVAL where nr is 0 or above MaxEvents, and with what NewMemfd
// fails with, all wrapped.
func NewSQ(id, nr uint32) (*SQ, error) {
	if nr == 0 || nr > MaxEvents {
		return nil, fmt.Errorf("sq of %d iocbs: %w", nr, unix.EINVAL)
	}
	nr = max(uint32(1)<<bits.Len32(nr-1), sqLeast)
	mem, h, first, err := newShared("aio_sq", SQHeaderLength+sqeSize*int(nr), Header{
		ID: id, Nr: nr, Magic: SQMagic, CompatFeatures: SQNeedWakeup, HeaderLength: SQHeaderLength,
	})
	if err != nil {
		return nil, err
	}
	return &SQ{mem: mem, header: h, iocbs: unsafe.Slice((*SQE)(first), nr)}, nil
}

// sqLeast is the smallest submission ring: half a page.
const sqLeast = 32

// Nr is how many iocbs the ring has room for, a power of two.
func (q *SQ) Nr() uint32 { return uint32(len(q.iocbs)) }

// Memory is what the ring lies in, header first. It is closed by the SQ's Close only.
func (q *SQ) Memory() *Memory { return q.mem }

// Len is how many iocbs wait from head on, at most Nr; 0 where the client's tail is out of reach. It loads tail with acquire, so
// those iocbs are there.
func (q *SQ) Len() uint32 {
	n := atomic.LoadUint32(&q.header.Tail) - q.head
	if n > q.Nr() {
		return 0
	}
	return n
}

// Waiting says whether iocbs wait. Any goroutine may call it, until Close, and learns what was so at some moment of the call.
func (q *SQ) Waiting() bool {
	n := atomic.LoadUint32(&q.header.Tail) - atomic.LoadUint32(&q.head)
	return n != 0 && n <= q.Nr()
}

// Copy copies the i-th iocb behind head, i below Len. What it says is the copy's: the client may write over its own.
func (q *SQ) Copy(i uint32, to *SQE) {
	*to = q.iocbs[(q.head+i)&(q.Nr()-1)]
}

// Advance takes the first n iocbs, n at most Len, by storing head behind them: the client may use their places again.
func (q *SQ) Advance(n uint32) {
	head := q.head + n
	atomic.StoreUint32(&q.head, head)
	atomic.StoreUint32(&q.header.Head, head)
}

// SetNeedWakeup asks for the doorbell. It is a full barrier: a tail loaded after it is one that the client stored before it could
// see the bit, or it has seen the bit, if it too has a full barrier between its store and its load.
func (q *SQ) SetNeedWakeup() { atomic.OrUint32(&q.header.CompatFeatures, SQNeedWakeup) }

// ClearNeedWakeup says that tail is being looked at.
func (q *SQ) ClearNeedWakeup() { atomic.AndUint32(&q.header.CompatFeatures, ^uint32(SQNeedWakeup)) }

// SetDead tells clients that the context was killed. Any goroutine may call it, until Close.
func (q *SQ) SetDead() { atomic.OrUint32(&q.header.CompatFeatures, SQDead) }

// Close gives the memory and the descriptor back; what clients have mapped stays theirs. A second Close panics.
func (q *SQ) Close() error { return q.mem.Close() }
