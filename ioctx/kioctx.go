package ioctx

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/list"
	"github.com/aiofs/aiofs/ring"
)

// Kioctx is struct kioctx. A number may be used again at once, a Kioctx never is: a handle holds the object.
type Kioctx struct {
	table  *Table
	id     uint32
	serial uint64
	owner  Owner
	user   *user
	share  any                    // of threads and the like: its own, or its user's where there are several
	aside  any                    // another one, for what must not wait for I/O that hangs
	next   atomic.Pointer[Kioctx] // in the table's chain

	// users counts lookups in progress plus the initial reference. Nothing submits once it is 0: that is what makes
	// free final.
	users atomic.Int64
	// dead is set once, by the one winner of a kill, before anything is woken: a waiter that sleeps on has not missed it.
	dead atomic.Bool
	gone chan struct{} // closed when all has been given back

	setupMu  sync.Mutex
	nrEvents uint32 // guarded by setupMu until live is set; fixed from then on
	live     atomic.Pointer[live]

	// reqsActive counts requests whose event is not in the ring yet. It is never derived from head or tail, which a client
	// may scribble over.
	reqsActive atomic.Int64
	// starting counts requests that a pool thread has opened and an engine is being given. They may be over before the engine
	// returns from that, and no user keeps the queue for it.
	starting atomic.Int64
	drained  chan struct{} // capacity 1; free alone receives: reqsActive or starting may have become 0

	writers waitQueue // who waits for a slot, or for an open
	wait    waitQueue // who waits for events

	ctxLock sync.Mutex
	active  list.List[kiocb] // guarded by ctxLock; from before the engine sees a request until its completion
	seq     uint64           // guarded by ctxLock; requests ever accepted

	sq       atomic.Pointer[sq] // written under setupMu
	attached attachments
	copier   copier
	closer   closer
	eof      eof
	files    fileTable
	outs     outTable
	buf      buf
	errorLog errorLog
	stat     counters
}

// live is what a context needs from its first submit on. An idle context has none of it, so that 10,000 of them fit into the
// limit of open files.
type live struct {
	queue engine.Queue

	// reqsAvailable is how many slots are left. A slot is taken before a request is accepted and comes back when its event
	// has been reaped.
	reqsAvailable atomic.Int64

	ringLock sync.Mutex // one consumer at a time
	ring     *ring.Ring
	size     int      // bytes of ring
	sharing  *sharing // of ring; guarded by Kioctx.setupMu, nil until a client opened it

	completionLock sync.Mutex // one producer at a time
	// completedEvents counts completions whose slot has not come back. No more slots return than this, whatever head says.
	completedEvents uint32 // guarded by completionLock
	// infos has for each place in the ring what its event does not say. A client may have moved head or written over the
	// event, so seq tells whether they belong together.
	infos []info // guarded by completionLock

	tally tally // guarded by Kioctx.ctxLock
}

// aside is the share of what is done beside a share's I/O: closing files, copying, signalling.
type aside struct{ share any }

func newKioctx(t *Table, id uint32, serial uint64, nr uint32, o Owner, u *user) *Kioctx {
	c := &Kioctx{
		table: t, id: id, serial: serial, owner: o, user: u, nrEvents: nr,
		gone: make(chan struct{}), drained: make(chan struct{}, 1),
	}
	c.users.Store(1)
	if c.share = c; t.cfg.AllowOther {
		c.share = u
	}
	c.aside = aside{c.share}
	c.copier.ctx, c.closer.ctx = c, c
	c.buf.size = defaultBuf
	return c
}

// ID is the number of the context's directory.
func (c *Kioctx) ID() uint32 { return c.id }

// Serial is unique among all contexts of the table ever.
func (c *Kioctx) Serial() uint64 { return c.serial }

// Owner is who made the context.
func (c *Kioctx) Owner() Owner { return c.owner }

// Dead says whether the context was killed.
func (c *Kioctx) Dead() bool { return c.dead.Load() }

// get takes a reference for a call through a handle, which holds the object and needs no walk. EINVAL after the kill. It is
// safe for the reason that Lookup is: whoever reads dead as false is in a section that the kill waits for.
func (c *Kioctx) get() error {
	r := c.table.rcu.ReadLock()
	defer r.Unlock()
	if c.dead.Load() {
		return errDead
	}
	c.users.Add(1)
	return nil
}

// Put is put_ioctx: the last reference frees the context, off the caller's back.
func (c *Kioctx) Put() {
	switch n := c.users.Add(-1); {
	case n == 0:
		go c.free()
	case n < 0:
		panic(fmt.Sprintf("ioctx: context %d has %d users", c.id, n))
	}
}

// NrEvents is how many events the context reserves, and so the most it has in flight.
func (c *Kioctx) NrEvents() uint32 {
	c.setupMu.Lock()
	defer c.setupMu.Unlock()
	return c.nrEvents
}

// SetNrEvents changes what the context reserves. EINVAL for 0 and for more than io_setup could count, EAGAIN over
// aio-max-nr, EBUSY after the first submit.
func (c *Kioctx) SetNrEvents(n uint64) error {
	if err := c.get(); err != nil {
		return err
	}
	defer c.Put()
	if n == 0 || n > ring.MaxEvents {
		return syscall.EINVAL
	}
	c.setupMu.Lock() // first: activate holds it while the engine makes a queue, and no other context may wait for that
	defer c.setupMu.Unlock()
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	if c.live.Load() != nil {
		return syscall.EBUSY
	}
	if err := c.table.charge(c.user, uint64(c.nrEvents), n); err != nil {
		return err
	}
	c.nrEvents = uint32(n)
	return nil
}

// activate makes what a context needs to submit, aio_setup_ring among it. A failure leaves a line in error_log and nothing else, and
// the next submit tries again. The caller holds a reference.
func (c *Kioctx) activate() (*live, error) {
	if l := c.live.Load(); l != nil {
		return l, nil
	}
	c.setupMu.Lock()
	defer c.setupMu.Unlock()
	if l := c.live.Load(); l != nil {
		return l, nil
	}
	l, err := c.newLive()
	if err != nil {
		c.refused(&refusal{where: "setup", err: err})
		return nil, err
	}
	c.live.Store(l)
	if c.dead.Load() { // after markDead, by who has held a reference since before
		l.ring.SetDead()
	}
	return l, nil
}

// newLive is what activate makes. The caller holds setupMu.
func (c *Kioctx) newLive() (*live, error) {
	r, err := ring.New(c.id, c.nrEvents)
	if err != nil {
		return nil, err
	}
	q, err := c.table.cfg.Engine.NewQueue(int(c.nrEvents), engine.Client{Cred: c.owner.Cred, Share: c.share})
	if err != nil {
		r.Close()
		return nil, err
	}
	l := &live{queue: q, ring: r, size: r.Memory().Size(), infos: make([]info, r.Nr())}
	l.reqsAvailable.Store(int64(c.nrEvents))
	return l, nil
}

// getReqsAvailable takes slots, as many as there are of those wanted, and returns how many. Where none is left it first looks whether a
// reader has moved head: user_refill_reqs_available.
func (l *live) getReqsAvailable(want int64) (got int64) {
	for refilled := false; ; {
		n := l.reqsAvailable.Load()
		if n > 0 {
			got = min(n, want)
			if l.reqsAvailable.CompareAndSwap(n, n-got) {
				return got
			}
			continue
		}
		if refilled {
			return 0
		}
		l.completionLock.Lock()
		l.refill()
		l.completionLock.Unlock()
		refilled = true
	}
}

// putReqsAvailable gives back slots of requests that were not accepted.
func (c *Kioctx) putReqsAvailable(l *live, n int64) {
	l.reqsAvailable.Add(n)
	c.writers.wakeAll()
}

// refill is refill_reqs_available: slots come back for events that are no longer in the ring, but never more than
// completed. The caller holds completionLock.
func (l *live) refill() (returned uint32) {
	in := l.ring.Len()
	if in >= l.completedEvents {
		return 0
	}
	returned = l.completedEvents - in
	l.completedEvents = in
	l.reqsAvailable.Add(int64(returned))
	return returned
}

// now is the clock of usec=: monotonic, in nanoseconds.
func now() int64 { return int64(time.Since(epoch)) }

var epoch = time.Now()
