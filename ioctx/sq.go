package ioctx

import (
	"encoding/binary"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// How many iocbs of one context are taken before the next context has its turn. Where a device has to do them, few: it begins with the
// first while the others are on their way. Where they complete at once, from the page cache, many: that is what a system call costs less
// of.
const (
	sqBatchLeast = 8
	sqBatchMost  = 64
)

// sq is a context's submission ring in shared memory. The poller alone takes from it.
type sq struct {
	ring    *ring.SQ
	size    int // bytes
	sharing *sharing
	mapper  mapper
	// stalled says that iocbs wait for a slot. A client that reaps by moving head tells nobody, so the poller looks again.
	stalled bool
	queued  atomic.Bool // among poller.kicked
	most    uint32      // iocbs to take at once, between sqBatchLeast and sqBatchMost

	entry ring.SQE          // scratch
	batch []*kiocb          // scratch
	reqs  []*engine.Request // scratch
}

// takeSQ takes up to q.most iocbs from head on, as io_submit_one would, and returns how many. Without a slot head stays.
func (c *Kioctx) takeSQ(l *live, q *sq) (n uint32) {
	q.stalled = false
	waiting := min(q.ring.Len(), q.most)
	if waiting == 0 {
		return 0
	}
	if n = uint32(l.getReqsAvailable(int64(waiting))); n == 0 {
		q.stalled = true
		return 0
	}
	for i := range n {
		q.ring.Copy(i, &q.entry)
		q.batch = append(q.batch, c.fromSQ(q))
	}
	q.mapper.forget()
	q.ring.Advance(n)
	c.accept(q.batch)
	active := c.reqsActive.Load()
	q.reqs = c.start(l, q.batch, q.reqs)
	if done := active - c.reqsActive.Load(); done > int64(n)/2 {
		q.most = min(2*q.most, sqBatchMost)
	} else {
		q.most = sqBatchLeast
	}
	clear(q.batch)
	q.batch = q.batch[:0]
	return n
}

// fromSQ makes a request of the iocb in q.entry. It has its slot, so a refusal is its event.
func (c *Kioctx) fromSQ(q *sq) *kiocb {
	k := c.newKiocb()
	err := k.req.Decode(q.entry[:])
	if err == nil {
		err = c.prepare(k, &q.mapper)
	}
	if err != nil {
		k.dropResources()
		k.dropEvent()
		k.req = iocb.Request{Tag: binary.NativeEndian.Uint64(q.entry[:]), HasTag: true, Cmd: iocb.CmdNoop, Binary: true}
		k.refused, k.phase = errnoOf(err), phaseStart
	}
	return k
}

// mapper is the writer of a shared ring: whoever has it mapped, which is no process. While a batch is taken, whose iocbs mostly name
// the same slot, it remembers one, with as many references as the batch may need.
type mapper struct {
	files *fileTable
	n     uint32
	held  *file // in slot n; nil: none
	refs  int32 // to held, not handed out
}

func (m *mapper) slot(n uint32) (*file, error) {
	if m.held == nil || m.n != n {
		f, err := m.files.get(n, 1+sqBatchMost)
		if err != nil {
			return nil, err
		}
		m.forget()
		m.n, m.held, m.refs = n, f, 1+sqBatchMost
	}
	m.refs--
	return m.held, nil
}

func (m *mapper) forget() {
	if m.held != nil {
		m.held.drop(m.refs)
		m.held = nil
	}
}

func (*mapper) origin(string) (*origin, error)      { return nil, syscall.EBADF }
func (*mapper) file(int32) (*file, error)           { return nil, syscall.EBADF }
func (*mapper) eventfd(int32) (*eventfd, error)     { return nil, syscall.EBADF }
func (*mapper) memory(*iocb.Request, *copied) error { return syscall.EFAULT }
