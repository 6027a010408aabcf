package ioctx

import (
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// slab is memory for the copies of one batch, outside the Go heap. Its user is charged with it.
type slab struct {
	mem  *ring.Memory
	user *user
	refs atomic.Int32
}

// newSlab makes a slab of n bytes with one reference. ENOSPC over max_buf, ENOMEM.
func (c *Kioctx) newSlab(n int) (*slab, error) {
	if err := c.user.memory.charge(int64(n)); err != nil {
		return nil, err
	}
	m, err := ring.NewMemory(n)
	if err != nil {
		c.user.memory.uncharge(int64(n))
		return nil, err
	}
	s := &slab{mem: m, user: c.user}
	s.refs.Store(1)
	return s, nil
}

func (s *slab) put() {
	if s.refs.Add(-1) == 0 {
		s.user.memory.uncharge(int64(s.mem.Size()))
		s.mem.Close()
	}
}

// slabSize is what a copy of n bytes takes of a slab, so that each begins where O_DIRECT may.
func slabSize(n int64) int {
	const page = 4096
	return int((n + page - 1) &^ (page - 1))
}

// copyIn makes the copies of a batch that is about to be accepted, and fills those of writes. What goes wrong comes in the events: ENOSPC
// over max_buf, EFAULT where not all of the caller's memory is there, EINTR where a signal ended the wait for it.
func (c *Kioctx) copyIn(batch []*kiocb, intr Interrupt) {
	total := 0
	for _, k := range batch {
		if k.req.Mem == iocb.MemCaller {
			total += slabSize(k.mem.size)
		}
	}
	if total == 0 {
		return
	}
	s, err := c.newSlab(total)
	switch {
	case err == nil:
		c.cut(s, batch)
		s.put()
		c.fillWrites(batch, intr)
	case len(batch) == 1:
		batch[0].mem.err = err
	default: // what there is room for goes on
		for i := range batch {
			c.copyIn(batch[i:i+1], intr)
		}
	}
}

// cut gives each request its part of a slab.
func (c *Kioctx) cut(s *slab, batch []*kiocb) {
	rest := s.mem.Bytes()
	for _, k := range batch {
		if m := &k.mem; k.req.Mem == iocb.MemCaller && m.size > 0 {
			s.refs.Add(1)
			m.slab, m.copy = s, rest[:m.size:m.size]
			rest = rest[slabSize(m.size):]
		}
	}
}

// fillWrites brings what the writes of a batch write.
func (c *Kioctx) fillWrites(batch []*kiocb, intr Interrupt) {
	var writes []*copied
	var held []copied
	for _, k := range batch {
		if k.mem.slab != nil && (k.req.Cmd == iocb.CmdPwrite || k.req.Cmd == iocb.CmdPwritev) {
			writes = append(writes, &k.mem)
			held = append(held, k.mem.hold())
		}
	}
	if len(writes) == 0 {
		return
	}
	faults, err := c.gather(intr, held...)
	for i, m := range writes {
		if err != nil {
			m.err = err
		} else if faults[i] {
			m.err = syscall.EFAULT
		}
	}
}
