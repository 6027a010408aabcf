package ioctx

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring"
)

// Shared is an open descriptor of buf, ring or sq: memory that its client may map.
type Shared struct {
	ctx   *Kioctx
	of    *sharing
	size  int64
	close func()
}

// FD is a memfd, good until Close.
func (s *Shared) FD() int { return s.of.fd }

// Size is the memory's size in bytes when it was opened.
func (s *Shared) Size() int64 { return s.size }

// ReadAt copies out of the memory; fewer bytes at its end, 0 behind it. EINVAL after the kill.
func (s *Shared) ReadAt(p []byte, off int64) (int, error) {
	if err := s.ctx.get(); err != nil {
		return 0, err
	}
	defer s.ctx.Put()
	return unix.Pread(s.of.fd, p, off)
}

// WriteAt copies into the memory; fewer bytes at its end, ENOSPC behind it. EINVAL after the kill.
func (s *Shared) WriteAt(p []byte, off int64) (int, error) {
	if err := s.ctx.get(); err != nil {
		return 0, err
	}
	defer s.ctx.Put()
	size, err := unix.Seek(s.of.fd, 0, unix.SEEK_END)
	switch {
	case err != nil:
		return 0, err
	case off >= size:
		return 0, syscall.ENOSPC
	}
	return unix.Pwrite(s.of.fd, p[:min(int64(len(p)), size-off)], off)
}

// Close is the last close of the descriptor. A mapping made through it may live on.
func (s *Shared) Close() {
	if s.close != nil {
		s.close()
	}
	s.of.put()
}

// sharing is a memfd that clients may have mapped. Its own descriptor lives as long as an open descriptor of a client or the context
// needs it. After the last of both the pages are given back, and the bytes go on being charged until no client maps them any
// more: what is charged is what one user can hold.
type sharing struct {
	table   *Table
	charged int64 // bytes of memory that end with the last mapping
	memory  *budget
	keep    int64 // bytes at the beginning that stay, for the DEAD in a ring's header

	mu   sync.Mutex
	fd   int // guarded by mu against the last put only
	refs int // guarded by mu
}

// share opens memory to clients, of which keep bytes are never taken away. The caller has a reference to the context, whose own is among
// refs.
func (t *Table) share(m *ring.Memory, keep int64) (*sharing, error) {
	fd, err := unix.FcntlInt(uintptr(m.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &sharing{table: t, fd: fd, keep: keep, refs: 1}, nil
}

func (s *sharing) get() *sharing {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs++
	return s
}

// put drops a reference; of none where nothing was ever shared.
func (s *sharing) put() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.refs--
	last := s.refs == 0
	s.mu.Unlock()
	if last {
		s.table.lingering.add(s)
	}
}

// headerPage is the page of a ring that its header lies in.
const headerPage = 4096

// unmapped gives the pages back, and says whether nobody maps them any more: only then can writing be sealed off.
func (s *sharing) unmapped() bool {
	size, err := unix.Seek(s.fd, 0, unix.SEEK_END)
	if err == nil && size > s.keep {
		unix.Fallocate(s.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, s.keep, size-s.keep)
	}
	_, err = unix.FcntlInt(uintptr(s.fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
	return err != unix.EBUSY
}

func (s *sharing) end() {
	unix.Close(s.fd)
	if s.charged > 0 {
		s.memory.uncharge(s.charged)
	}
}

// How often memory is looked at that clients still map after its context has gone.
const (
	lingerLeast = 10 * time.Millisecond
	lingerMost  = time.Second
)

// lingering is memory whose context and descriptors are gone and which somebody may still map. A goroutine that exists while there is
// any asks again and again, since nothing tells of an unmap.
type lingering struct {
	mu      sync.Mutex
	all     []*sharing // guarded by mu
	stop    chan struct{}
	running bool // guarded by mu
	ended   sync.WaitGroup
}

func (g *lingering) add(s *sharing) {
	if s.unmapped() {
		s.end()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, s)
	if !g.running {
		g.running, g.stop = true, make(chan struct{})
		g.ended.Add(1)
		go g.run(g.stop)
	}
}

func (g *lingering) run(stop chan struct{}) {
	defer g.ended.Done()
	wait := lingerLeast
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		select {
		case <-stop:
		case <-t.C:
		}
		if g.sweep(stop) {
			return
		}
		wait = min(2*wait, lingerMost)
		t.Reset(wait)
	}
}

// sweep ends what nobody maps, and all where the daemon ends; true: nothing is left.
func (g *lingering) sweep(stop chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	ending := false
	select {
	case <-stop:
		ending = true
	default:
	}
	kept := g.all[:0]
	for _, s := range g.all {
		if ending || s.unmapped() {
			s.end()
		} else {
			kept = append(kept, s)
		}
	}
	clear(g.all[len(kept):])
	g.all = kept
	g.running = len(kept) > 0
	return !g.running
}

// close ends the watch; what clients map stays theirs.
func (g *lingering) close() {
	g.mu.Lock()
	if g.running {
		close(g.stop)
	}
	g.mu.Unlock()
	g.ended.Wait()
}

// OpenBuf opens buf for a client to map. ENOSPC over max_buf, ENOMEM, EMFILE, EINVAL after the kill.
func (c *Kioctx) OpenBuf() (*Shared, error) {
	if err := c.get(); err != nil {
		return nil, err
	}
	defer c.Put()
	b := &c.buf
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.make(c); err != nil {
		return nil, err
	}
	if b.sharing == nil {
		s, err := c.table.share(b.mem, 0)
		if err != nil {
			return nil, err
		}
		b.sharing = s
	}
	return &Shared{ctx: c, of: b.sharing.get(), size: b.size}, nil
}

// OpenRing opens ring for a client to map, who may then reap by moving head. It fixes nr_events. ENOMEM, EMFILE, EINVAL after the
// kill.
func (c *Kioctx) OpenRing() (*Shared, error) {
	if err := c.get(); err != nil {
		return nil, err
	}
	defer c.Put()
	l, err := c.activate()
	if err != nil {
		return nil, err
	}
	c.setupMu.Lock()
	defer c.setupMu.Unlock()
	if l.sharing == nil {
		s, err := c.table.share(l.ring.Memory(), headerPage)
		if err != nil {
			return nil, err
		}
		l.sharing = s
		for _, q := range []*waitQueue{&c.wait, &c.writers} {
			q.looks.Store(true)
			q.wakeAll()
		}
	}
	return &Shared{ctx: c, of: l.sharing.get(), size: int64(l.size)}, nil
}

// RingSize is the size of ring in bytes, 0 until it is made.
func (c *Kioctx) RingSize() int64 {
	if l := c.live.Load(); l != nil {
		return int64(l.size)
	}
	return 0
}

// SQSize is the size of sq in bytes, 0 until it is made.
func (c *Kioctx) SQSize() int64 {
	if q := c.sq.Load(); q != nil {
		return int64(q.size)
	}
	return 0
}

// OpenSQ opens sq, which is made then. It counts as a descriptor that is open for writing on submit. ENOMEM, EMFILE, EINVAL after
// the kill.
func (c *Kioctx) OpenSQ() (*Shared, error) {
	if err := c.get(); err != nil {
		return nil, err
	}
	defer c.Put()
	if _, err := c.activate(); err != nil {
		return nil, err
	}
	c.setupMu.Lock()
	defer c.setupMu.Unlock()
	q := c.sq.Load()
	if q == nil {
		r, err := ring.NewSQ(c.id, c.nrEvents)
		if err != nil {
			return nil, err
		}
		s, err := c.table.share(r.Memory(), headerPage)
		if err != nil {
			r.Close()
			return nil, err
		}
		q = &sq{ring: r, size: r.Memory().Size(), sharing: s, mapper: mapper{files: &c.files}, most: sqBatchLeast}
		c.sq.Store(q)
		if c.dead.Load() { // after markDead, by who has held a reference since before
			r.SetDead()
		}
	}
	c.eof.openWriter()
	closed := func() {
		c.eof.closeWriter()
		c.wait.wakeAll()
	}
	return &Shared{ctx: c, of: q.sharing.get(), size: int64(q.size), close: closed}, nil
}

// Doorbell has the submission ring looked at: a byte came through doorbell. EPIPE where there is none, EINVAL after the kill.
func (c *Kioctx) Doorbell() error {
	if err := c.get(); err != nil {
		return err
	}
	defer c.Put()
	if c.sq.Load() == nil {
		return syscall.EPIPE
	}
	c.table.poller.kick(c)
	return nil
}
