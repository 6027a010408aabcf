package ioctx

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/rcu"
)

// What a Config leaves out.
const (
	DefaultNrEvents = 1024
	DefaultMaxNr    = 1 << 20
	DefaultMaxBuf   = 1 << 30
)

// Config is what all contexts of a Table have in common.
type Config struct {
	Engine       engine.Engine
	Pool         *threads.Pool // opens, looks at and closes users' files, whatever the engine
	NrEvents     uint32        // events a new context reserves; 0: DefaultNrEvents
	MaxNr        uint64        // aio-max-nr; 0: DefaultMaxNr
	MaxBuf       int64         // bytes of all buf and out together; 0: DefaultMaxBuf
	AllowOther   bool          // there are several users: what a context has of threads and the like for itself, they have by uid
	UserMaxNr    uint64        // a uid's share of MaxNr; 0: all of it
	UserMaxBuf   int64         // a uid's share of MaxBuf; 0: all of it
	UserMaxFiles int64         // open files of a uid; 0: no bound
	SQIdle       time.Duration // how long a submission ring is polled after its last request; 0: never, each batch rings
	Log          *slog.Logger  // nil: slog.Default
}

// buckets is the size of the hash table of contexts: 10,000 of them make chains of ten.
const buckets = 1024

// Table is mm->ioctx_list with aio_nr, for all users of one mount.
type Table struct {
	cfg       Config
	rcu       rcu.Domain
	memory    budget
	trash     trash
	mounts    mounts
	ownDev    atomic.Uint64
	kiocbs    sync.Pool // of *kiocb: with the engine's Private, so a Table's own
	opened    opened
	poller    poller
	lingering lingering

	// chains are read under rcu.ReadLock and written under mu.
	chains [buckets]atomic.Pointer[Kioctx]

	mu       sync.Mutex
	aioNr    uint64               // events reserved by all contexts that are not freed yet
	aioMaxNr uint64               //
	users    map[uint32]*user     // those with a context, by uid
	nextID   uint32               // where SetupNew looks for a free number
	serial   uint64               // contexts ever made
	ended    bool                 // ExitAll was called
	dying    map[*Kioctx]struct{} // killed and not yet freed
	freedSum freedSum             // of contexts that are freed
}

// NewTable makes an empty table.
func NewTable(c Config) *Table {
	c.NrEvents = cmp.Or(c.NrEvents, DefaultNrEvents)
	c.MaxNr = cmp.Or(c.MaxNr, DefaultMaxNr)
	c.MaxBuf = cmp.Or(c.MaxBuf, DefaultMaxBuf)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	t := &Table{cfg: c, aioMaxNr: c.MaxNr, nextID: 1, dying: make(map[*Kioctx]struct{}), users: make(map[uint32]*user)}
	t.memory.max = c.MaxBuf
	t.poller.init(c.SQIdle)
	t.kiocbs.New = func() any { return newKiocb() }
	return t
}

// SetOwnDev tells the st_dev of the mount this table is served on. A request whose path ends there gets ELOOP.
func (t *Table) SetOwnDev(dev uint64) { t.ownDev.Store(dev) }

// AioNr is the number of events reserved by all contexts, as /proc/sys/fs/aio-nr.
func (t *Table) AioNr() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.aioNr
}

// AioMaxNr is the limit of AioNr.
func (t *Table) AioMaxNr() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.aioMaxNr
}

// SetAioMaxNr sets the limit; contexts that are over it stay.
func (t *Table) SetAioMaxNr(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.aioMaxNr = n
}

func (t *Table) chain(id uint32) *atomic.Pointer[Kioctx] { return &t.chains[id%buckets] }

// find is the walk of lookup_ioctx; the caller is in a read-side section, or holds mu.
func (t *Table) find(id uint32) *Kioctx {
	for c := t.chain(id).Load(); c != nil; c = c.next.Load() {
		if c.id == id {
			return c
		}
	}
	return nil
}

// Lookup is lookup_ioctx: it finds the context and takes a reference, which the caller gives back by Put. ENOENT.
//
// The count is raised without a test for zero. That is safe because the initial reference is dropped only after a grace
// period: whoever still finds the context finds it with users above 0.
func (t *Table) Lookup(id uint32) (*Kioctx, error) {
	r := t.rcu.ReadLock()
	defer r.Unlock()
	c := t.find(id)
	if c == nil {
		return nil, syscall.ENOENT
	}
	c.users.Add(1)
	return c, nil
}

// Setup is ioctx_alloc, for mkdir: a context that stays until Destroy or ExitAll. EEXIST where id is taken, EAGAIN where
// aio-nr would pass aio-max-nr.
func (t *Table) Setup(id uint32, o Owner) (*Kioctx, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.find(id) != nil {
		return nil, syscall.EEXIST
	}
	return t.ioctxAdd(id, o)
}

// SetupNew is Setup under a number nobody has.
func (t *Table) SetupNew(o Owner) (*Kioctx, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.find(t.nextID) != nil {
		t.nextID++
	}
	c, err := t.ioctxAdd(t.nextID, o)
	if err == nil {
		t.nextID++
	}
	return c, err
}

// ioctxAdd is ioctx_add_table with the accounting before it; the caller holds mu. The context is charged with the nr_events
// asked for, and its memory is made at its first submit, so nothing after the charge can fail.
func (t *Table) ioctxAdd(id uint32, o Owner) (*Kioctx, error) {
	if t.ended {
		return nil, syscall.ESHUTDOWN
	}
	nr := t.cfg.NrEvents
	u := t.userOf(o.UID)
	if err := t.admit(u, nr); err != nil {
		t.forgetUser(o.UID)
		return nil, err
	}
	t.serial++
	c := newKioctx(t, id, t.serial, nr, o, u)
	head := t.chain(id)
	c.next.Store(head.Load())
	head.Store(c)
	return c, nil
}

// admit charges a user with one more context; the caller holds mu. EAGAIN over the limit of contexts, and as charge.
func (t *Table) admit(u *user, nr uint32) error {
	if most := t.cfg.maxContexts(); most > 0 && u.contexts >= most {
		return syscall.EAGAIN
	}
	if err := t.charge(u, 0, uint64(nr)); err != nil {
		return err
	}
	u.contexts++
	return nil
}

// charge moves a reservation from old to nr events; the caller holds mu. EAGAIN over aio-max-nr or over the user's share of it.
func (t *Table) charge(u *user, old, nr uint64) error {
	most := cmp.Or(t.cfg.UserMaxNr, math.MaxUint64)
	if !fits(t.aioNr, old, nr, t.aioMaxNr) || !fits(u.aioNr, old, nr, most) {
		return syscall.EAGAIN
	}
	t.aioNr += nr - old
	u.aioNr += nr - old
	return nil
}

// fits says whether nr may take the place of old in a sum. The limit can be lowered below the sum, so nothing here may wrap.
func fits(sum, old, nr, limit uint64) bool {
	return nr <= old || nr <= limit && sum-old <= limit-nr
}

// unlink is hlist_del_rcu: readers that are on c go on through its next.
func (t *Table) unlink(c *Kioctx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dying[c] = struct{}{}
	for p := t.chain(c.id); ; {
		at := p.Load()
		if at == c {
			p.Store(c.next.Load())
			return
		}
		p = &at.next
	}
}

// freed takes back what ioctxAdd gave. It is the end of free_ioctx.
func (t *Table) freed(c *Kioctx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.aioNr < uint64(c.nrEvents) {
		panic(fmt.Sprintf("ioctx: aio_nr %d below the %d events of context %d", t.aioNr, c.nrEvents, c.id))
	}
	t.aioNr -= uint64(c.nrEvents)
	c.user.aioNr -= uint64(c.nrEvents)
	c.user.contexts--
	t.forgetUser(c.owner.UID)
	t.freedSum.add(c)
	delete(t.dying, c)
}

// live lists the contexts that lookups find.
func (t *Table) live() []*Kioctx {
	r := t.rcu.ReadLock()
	defer r.Unlock()
	var all []*Kioctx
	for i := range t.chains {
		for c := t.chains[i].Load(); c != nil; c = c.next.Load() {
			all = append(all, c)
		}
	}
	return all
}

// IDs lists the numbers that lookups find, ascending.
func (t *Table) IDs() []uint32 {
	var ids []uint32
	for _, c := range t.live() {
		ids = append(ids, c.id)
	}
	slices.Sort(ids)
	return ids
}

// Destroy is io_destroy, for rmdir. When it returns no lookup finds id, and waiting readers and writers have been woken; it
// does not wait for I/O. ENOENT; EINVAL for the loser of a race, at once.
func (t *Table) Destroy(id uint32) error {
	c, err := t.Lookup(id)
	if err != nil {
		return err
	}
	defer c.Put()
	if !c.die() {
		return errDead
	}
	t.rcu.Synchronize()
	c.copier.settle()
	c.killWork()
	return nil
}

// Exit is exit_aio of one context, for the last close of `new`. It returns at once: the grace period is waited for elsewhere.
func (t *Table) Exit(c *Kioctx) {
	if c.die() {
		t.rcu.Call(c.killWork)
	}
}

// ExitAll is exit_aio: it ends the table, so that nothing can be set up any more (ESHUTDOWN), starts every kill, and then waits once,
// for these and for kills started before, until ctx is done. It
// returns a line for each request that is left then, in the form of Kioctx.Inflight.
func (t *Table) ExitAll(ctx context.Context) []string {
	var left []string
	all := true
	for c := range t.exitAll() {
		select {
		case <-c.gone:
		case <-ctx.Done():
			all = false
			left = slices.AppendSeq(left, strings.Lines(string(c.Inflight())))
		}
	}
	if all {
		t.rcu.Barrier()
		t.opened.wait()
		t.poller.ended.Wait()
		t.lingering.close()
		t.trash.free()
		t.mounts.close()
	}
	return left
}

// exitAll starts every kill and returns what is not freed yet. Whoever is found by a lookup is among it, since another's kill that has
// only set dead is in no list.
func (t *Table) exitAll() map[*Kioctx]struct{} {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	killed := make(map[*Kioctx]struct{})
	for _, c := range t.live() {
		t.Exit(c)
		killed[c] = struct{}{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(killed, t.dying)
	return killed
}
