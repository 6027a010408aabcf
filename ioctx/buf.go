package ioctx

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ring"
)

const (
	defaultBuf = 1 << 20
	maxBuf     = 1 << 40 // where a size stops being one
)

// buf is a context's buffer. Its memory is made, and charged, when something first needs it; until a request does, it can grow.
type buf struct {
	mu      sync.RWMutex
	size    int64                       // guarded by mu; bytes
	mem     *ring.Memory                // guarded by mu; nil: reads as zeros, and costs nothing
	sharing *sharing                    // guarded by mu; nil until a client opened it
	fixed   atomic.Pointer[ring.Memory] // written under mu; mem, where a request has used it: it stays where it is until the context is freed
}

// make gives buf its memory. The caller holds mu.
func (b *buf) make(c *Kioctx) error {
	if b.mem != nil {
		return nil
	}
	if err := c.user.memory.charge(b.size); err != nil {
		return err
	}
	m, err := ring.NewMemfd("aiofs-buf", int(b.size))
	if err != nil {
		c.user.memory.uncharge(b.size)
		return err
	}
	b.mem = m
	return nil
}

// use fixes the buffer for a request and returns it; the slice is good until the context is freed. ENOSPC over max_buf, ENOMEM.
func (b *buf) use(c *Kioctx) ([]byte, error) {
	if m := b.fixed.Load(); m != nil {
		return m.Bytes(), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.make(c); err != nil {
		return nil, err
	}
	b.fixed.Store(b.mem)
	return b.mem.Bytes(), nil
}

// free gives the memory back, or leaves that to the end of the last mapping; the context has no users.
func (b *buf) free(c *Kioctx) {
	if b.mem == nil {
		return
	}
	b.mem.Close()
	if b.sharing == nil {
		c.user.memory.uncharge(b.size)
		return
	}
	b.sharing.charged, b.sharing.memory = b.size, &c.user.memory
	b.sharing.put()
}

// BufSize is the size of buf in bytes.
func (c *Kioctx) BufSize() int64 {
	c.buf.mu.RLock()
	defer c.buf.mu.RUnlock()
	return c.buf.size
}

// BufTruncate grows buf. A size of 0, which `>` sends, and the present one change nothing. EBUSY for a smaller one, and once a
// request has used buf; ENOSPC over max_buf; EFBIG for what is no size.
func (c *Kioctx) BufTruncate(size int64) error {
	if err := c.get(); err != nil {
		return err
	}
	defer c.Put()
	b := &c.buf
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case size == 0 || size == b.size:
		return nil
	case size < b.size || b.fixed.Load() != nil:
		return syscall.EBUSY
	case size > maxBuf:
		return syscall.EFBIG
	case !c.user.memory.fits(size):
		return syscall.ENOSPC
	}
	if b.mem != nil {
		if err := c.user.memory.charge(size - b.size); err != nil {
			return err
		}
		if err := b.mem.Grow(int(size)); err != nil {
			c.user.memory.uncharge(size - b.size)
			return err
		}
	}
	b.size = size
	return nil
}

// BufReadAt copies out of buf; fewer bytes at its end, 0 behind it.
func (c *Kioctx) BufReadAt(p []byte, off int64) (int, error) {
	if err := c.get(); err != nil {
		return 0, err
	}
	defer c.Put()
	b := &c.buf
	b.mu.RLock()
	defer b.mu.RUnlock()
	if off < 0 || off >= b.size {
		return 0, nil
	}
	p = p[:min(int64(len(p)), b.size-off)]
	if b.mem == nil {
		clear(p)
		return len(p), nil
	}
	return copy(p, b.mem.Bytes()[off:]), nil
}

// BufWriteAt copies into buf; fewer bytes at its end, ENOSPC behind it and where max_buf has no room for buf.
func (c *Kioctx) BufWriteAt(p []byte, off int64) (int, error) {
	if err := c.get(); err != nil {
		return 0, err
	}
	defer c.Put()
	b := &c.buf
	b.mu.Lock()
	if err := b.make(c); err != nil {
		b.mu.Unlock()
		return 0, err
	}
	b.mu.Unlock()
	b.mu.RLock()
	defer b.mu.RUnlock()
	if off < 0 || off >= b.size {
		return 0, syscall.ENOSPC
	}
	return copy(b.mem.Bytes()[off:], p), nil
}
