package ioctx

import (
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ring"
)

// Out is what a text pread brought. It lasts until it was removed and its last reference is gone: one is out/'s own, each request
// that fills or writes it has one, and each open file.
type Out struct {
	ctx    *Kioctx
	tag    uint64
	refs   atomic.Int32
	mem    *ring.Memory // nil where there is not a byte
	size   int64        // bytes read; fixed once it is in out/
	charge int64        // bytes of the budget
}

// outTable is a context's out/.
type outTable struct {
	mu      sync.Mutex
	ready   map[uint64]*Out     // guarded by mu; what out/ shows
	pending map[uint64]struct{} // guarded by mu; tags of reads in flight
}

// reserve makes the Out for a read of n bytes. EEXIST where out/TAG is there or pending, ENOSPC over max_buf, ENOMEM.
func (t *outTable) reserve(c *Kioctx, tag uint64, n int64) (*Out, error) {
	t.mu.Lock()
	_, ready := t.ready[tag]
	_, pending := t.pending[tag]
	if ready || pending {
		t.mu.Unlock()
		return nil, syscall.EEXIST
	}
	if t.pending == nil {
		t.pending, t.ready = make(map[uint64]struct{}), make(map[uint64]*Out)
	}
	t.pending[tag] = struct{}{}
	t.mu.Unlock()

	o, err := newOut(c, tag, n)
	if err != nil {
		t.mu.Lock()
		delete(t.pending, tag)
		t.mu.Unlock()
	}
	return o, err
}

func newOut(c *Kioctx, tag uint64, n int64) (*Out, error) {
	o := &Out{ctx: c, tag: tag, charge: n}
	o.refs.Store(1)
	if n == 0 {
		return o, nil
	}
	if err := c.user.memory.charge(n); err != nil {
		return nil, err
	}
	m, err := ring.NewMemory(int(n))
	if err != nil {
		c.user.memory.uncharge(n)
		return nil, err
	}
	o.mem = m
	return o, nil
}

// publish makes a finished read appear in out/, or disappear where it failed. The caller keeps its reference.
func (t *outTable) publish(o *Out, res int64) {
	if res >= 0 {
		o.trim(res)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, o.tag)
	if res >= 0 {
		o.refs.Add(1)
		t.ready[o.tag] = o
	}
}

// trim keeps the first n bytes.
func (o *Out) trim(n int64) {
	o.size = n
	if o.mem == nil || n == o.charge {
		return
	}
	if n == 0 {
		o.mem.Close()
		o.mem = nil
	} else if o.mem.Trim(int(n)) != nil {
		return // still all there, so still paid for
	}
	o.ctx.user.memory.uncharge(o.charge - n)
	o.charge = n
}

// get finds out/TAG and takes a reference. ENOENT.
func (t *outTable) get(tag uint64) (*Out, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.ready[tag]
	if o == nil {
		return nil, syscall.ENOENT
	}
	o.refs.Add(1)
	return o, nil
}

// free removes all of out/; the context has no users.
func (t *outTable) free() {
	for _, o := range t.ready {
		o.Put()
	}
	t.ready = nil
}

// Put drops a reference; the last one gives the memory back.
func (o *Out) Put() {
	if o.refs.Add(-1) > 0 {
		return
	}
	if o.mem != nil {
		o.mem.Close()
	}
	o.ctx.user.memory.uncharge(o.charge)
}

// room is where a read goes.
func (o *Out) room() []byte {
	if o.mem == nil {
		return nil
	}
	return o.mem.Bytes()[:o.charge]
}

// bytes is what a read brought.
func (o *Out) bytes() []byte {
	if o.mem == nil {
		return nil
	}
	return o.mem.Bytes()[:o.size]
}

// Size is how many bytes the read brought.
func (o *Out) Size() int64 { return o.size }

// ReadAt copies the bytes at off; fewer at the end, 0 behind it. EINVAL after the kill.
func (o *Out) ReadAt(p []byte, off int64) (int, error) {
	if o.ctx.Dead() {
		return 0, errDead
	}
	if off < 0 || off >= o.size {
		return 0, nil
	}
	return copy(p, o.bytes()[off:]), nil
}

// Out opens out/TAG; the caller gives it back by Out.Put. ENOENT, EINVAL after the kill.
func (c *Kioctx) Out(tag uint64) (*Out, error) {
	if err := c.get(); err != nil {
		return nil, err
	}
	defer c.Put()
	return c.outs.get(tag)
}

// OutSize is the size of out/TAG in bytes. ENOENT, EINVAL after the kill.
func (c *Kioctx) OutSize(tag uint64) (int64, error) {
	o, err := c.Out(tag)
	if err != nil {
		return 0, err
	}
	defer o.Put()
	return o.size, nil
}

// OutTags lists what is in out/, ascending; nothing after the kill.
func (c *Kioctx) OutTags() []uint64 {
	if c.get() != nil {
		return nil
	}
	defer c.Put()
	c.outs.mu.Lock()
	defer c.outs.mu.Unlock()
	tags := make([]uint64, 0, len(c.outs.ready))
	for tag := range c.outs.ready {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags
}

// RemoveOut takes out/TAG away; who has it open keeps it. ENOENT, EINVAL after the kill.
func (c *Kioctx) RemoveOut(tag uint64) error {
	if err := c.get(); err != nil {
		return err
	}
	defer c.Put()
	c.outs.mu.Lock()
	o := c.outs.ready[tag]
	delete(c.outs.ready, tag)
	c.outs.mu.Unlock()
	if o == nil {
		return syscall.ENOENT
	}
	o.Put()
	return nil
}
