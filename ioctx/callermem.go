package ioctx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// space is a caller's address space. The descriptor of /proc/TID/mem is of that very one, so that nothing is read from or written to
// another, whatever program the process executes and whoever has its number: after its end a write writes nothing.
//
// A page of it may be one that a stopped FUSE server or another thread of the caller has to bring, for as long as they like. So it is
// touched on pool threads only.
type space struct {
	fd   int
	refs atomic.Int32
}

func openSpace(tid int32) (*space, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/mem", tid), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &space{fd: fd}
	s.refs.Store(1)
	return s, nil
}

func (s *space) get() *space {
	s.refs.Add(1)
	return s
}

func (s *space) put() {
	if s.refs.Add(-1) == 0 {
		unix.Close(s.fd)
	}
}

// segment is struct iovec, of the caller.
type segment struct{ base, len uint64 }

// copied is memory of a caller that a request reads or writes, and the copy of it that the I/O is done with.
type copied struct {
	segs  []segment
	size  int64 // bytes in all
	space *space

	copy []byte // in slab
	slab *slab
	err  error // why there is no copy, for the event
}

// memory finds what r names of the caller's memory. EFAULT where he has none to name, or an iovec array is not all there; EINVAL for
// an iovec with a negative length, and for an offset that overflows with their sum.
func (p *process) memory(r *iocb.Request, m *copied) error {
	if err := p.check(syscall.EFAULT); err != nil {
		return err
	}
	if p.space == nil {
		s, err := openSpace(p.caller.TID)
		if p.ctx.owner.Cred != nil && errors.Is(err, syscall.EACCES) {
			s, err = getOnPool(p.ctx, engine.ClassLocal, p.intr, func(*threads.Thread) (*space, error) { return openSpace(p.caller.TID) }, nil)
		}
		if err != nil {
			return refuse(syscall.EFAULT, err, fmt.Sprintf("the writer's memory: %v; use buf with IOCB_FLAG_BUF", err))
		}
		p.space = s
	}
	m.space = p.space.get()
	m.segs, m.size = m.segs[:0], min(r.Len, iocb.MaxRWCount)
	if r.Vec {
		return p.readIovecs(r, m)
	}
	m.segs = append(m.segs, segment{r.MemOff, uint64(m.size)})
	return nil
}

// readIovecs is import_iovec: what is over MaxRWCount in all is cut off.
func (p *process) readIovecs(r *iocb.Request, m *copied) error {
	const size = 16 // sizeof(struct iovec): base and length
	array := make([]byte, r.Len*size)
	whole := copied{segs: []segment{{r.MemOff, uint64(len(array))}}, copy: array, space: m.space.get()}
	faults, err := p.ctx.gather(p.intr, whole)
	if err != nil {
		return err
	}
	if faults[0] {
		return &iocb.Refusal{Errno: syscall.EFAULT, Why: fmt.Sprintf("the iovec array at %#x is not all there", r.MemOff)}
	}
	m.size = 0
	for ; len(array) > 0; array = array[size:] {
		s := segment{binary.NativeEndian.Uint64(array), binary.NativeEndian.Uint64(array[8:])}
		if int64(s.len) < 0 {
			return &iocb.Refusal{Errno: syscall.EINVAL, Why: "an iovec has a negative length"}
		}
		s.len = min(s.len, uint64(iocb.MaxRWCount-m.size))
		m.size += int64(s.len)
		m.segs = append(m.segs, s)
	}
	return r.VerifyArea(m.size)
}

// bytes is the copy; an error of its making comes in the event.
func (m *copied) bytes() ([]byte, error) { return m.copy, m.err }

// drop gives back all but room for segments.
func (m *copied) drop() {
	if m.space != nil {
		m.space.put()
	}
	if m.slab != nil {
		m.slab.put()
	}
	*m = copied{segs: m.segs[:0]}
}

// transfer moves the first n bytes of the copy to or from where they are the caller's, by call, and returns how many it could.
func (m *copied) transfer(n int, call func(fd int, p []byte, off int64) (int, error)) (done int) {
	for _, s := range m.segs {
		part := m.copy[done:min(n, done+int(s.len))]
		for len(part) > 0 {
			moved, err := call(m.space.fd, part, int64(s.base))
			if err == syscall.EINTR {
				continue
			}
			if moved <= 0 || err != nil {
				return done
			}
			part, s.base, done = part[moved:], s.base+uint64(moved), done+moved
		}
	}
	return done
}

// hold is m with references of its own.
func (m *copied) hold() copied {
	h := copied{segs: slices.Clone(m.segs), size: m.size, space: m.space.get(), copy: m.copy, slab: m.slab}
	if h.slab != nil {
		h.slab.refs.Add(1)
	}
	return h
}

// gather fills copies on a pool thread and says of which that failed. It drops their references, also where the wait for it is left,
// for the reasons of onPool.
func (c *Kioctx) gather(intr Interrupt, ms ...copied) (faults []bool, err error) {
	faults = make([]bool, len(ms))
	do := func(*threads.Thread) {
		for i := range ms {
			faults[i] = ms[i].transfer(len(ms[i].copy), unix.Pread) < len(ms[i].copy)
		}
	}
	over := func(bool) {
		for i := range ms {
			ms[i].drop()
		}
	}
	err = c.onPool(engine.ClassHang, c.aside, intr, do, over)
	return faults, err
}
