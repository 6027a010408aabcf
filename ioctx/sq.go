package ioctx

import (
	"encoding/binary"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// sqBatch is how many iocbs of one context are taken before the next context has its turn.
const sqBatch = 256

// sq is a context's submission ring in shared memory. The poller alone takes from it.
type sq struct {
	ring    *ring.SQ
	size    int // bytes
	sharing *sharing
	// stalled says that iocbs wait for a slot. A client that reaps by moving head tells nobody, so the poller looks again.
	stalled bool
	queued  atomic.Bool // among poller.kicked

	entry ring.SQE          // scratch
	batch []*kiocb          // scratch
	reqs  []*engine.Request // scratch
}

// takeSQ takes up to sqBatch iocbs from head on, as io_submit_one would, and returns how many. Without a slot head stays.
func (c *Kioctx) takeSQ(l *live, q *sq) (n uint32) {
	q.stalled = false
	waiting := min(q.ring.Len(), sqBatch)
	for n < waiting {
		if !l.getReqsAvailable() {
			q.stalled = true
			break
		}
		q.ring.Copy(n, &q.entry)
		q.batch = append(q.batch, c.fromSQ(&q.entry))
		n++
	}
	if n == 0 {
		return 0
	}
	q.ring.Advance(n)
	c.accept(q.batch)
	q.reqs = c.start(l, q.batch, q.reqs)
	clear(q.batch)
	q.batch = q.batch[:0]
	return n
}

// fromSQ makes a request of an iocb. It has its slot, so a refusal is its event.
func (c *Kioctx) fromSQ(e *ring.SQE) *kiocb {
	k := c.newKiocb()
	err := k.req.Decode(e[:])
	if err == nil {
		err = c.prepare(k, nobody{})
	}
	if err != nil {
		k.dropResources()
		k.dropEvent()
		k.req = iocb.Request{Tag: binary.NativeEndian.Uint64(e[:]), HasTag: true, Cmd: iocb.CmdNoop, Binary: true}
		k.refused, k.phase = errnoOf(err), phaseStart
	}
	return k
}

// nobody is the writer of a shared ring: whoever has it mapped.
type nobody struct{}

func (nobody) origin(string) (*origin, error)      { return nil, syscall.EBADF }
func (nobody) file(int32) (*file, error)           { return nil, syscall.EBADF }
func (nobody) eventfd(int32) (*eventfd, error)     { return nil, syscall.EBADF }
func (nobody) memory(*iocb.Request, *copied) error { return syscall.EFAULT }
