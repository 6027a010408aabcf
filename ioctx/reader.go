package ioctx

import (
	"encoding/binary"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// Reader is an open descriptor of events or events_raw.
type Reader struct {
	ctx      *Kioctx
	raw      bool
	nonblock bool

	mu   sync.Mutex
	rest []byte // guarded by mu; text of an event that was taken and did not fit
	line []byte // guarded by mu; scratch

	waitMu  sync.Mutex
	getNr   bool          // guarded by waitMu: reads are io_getevents
	min     int           // guarded by waitMu
	timeout time.Duration // guarded by waitMu; -1: none

	owed    int  // guarded by ctx.eof.mu: ends of file not yet told
	reading int  // guarded by ctx.eof.mu: reads in progress
	atRest  bool // guarded by ctx.eof.mu: see eof
}

// OpenEvents opens events, or events_raw. With nonblock a read gets EAGAIN where it would wait.
func (c *Kioctx) OpenEvents(raw, nonblock bool) (*Reader, error) {
	if err := c.get(); err != nil {
		return nil, err
	}
	defer c.Put()
	r := &Reader{ctx: c, raw: raw, nonblock: nonblock, min: 1, timeout: -1}
	c.eof.openReader(r)
	return r, nil
}

// Flush is the close of the descriptor or of one of its duplicates, known before the closer goes on. The Close that follows the last one
// may come late.
func (r *Reader) Flush() { r.ctx.eof.rest(r) }

// Close is the last close of the descriptor.
func (r *Reader) Close() { r.ctx.eof.closeReader(r) }

// Configure takes "min=M timeout=DUR", either or both, and makes later reads exactly io_getevents: they wait for M events (1) or for
// DUR (for ever), and return what there is, 0 where there is none. EINVAL for anything else.
func (r *Reader) Configure(p []byte) error {
	min, hasMin, timeout, hasTimeout, err := iocb.ParseWait(p)
	if err != nil {
		r.ctx.refused(&refusal{where: "events", err: err, text: p})
		return err
	}
	r.waitMu.Lock()
	defer r.waitMu.Unlock()
	r.getNr = true
	if hasMin {
		r.min = min
	}
	if hasTimeout {
		r.timeout = timeout
	}
	return nil
}

// Read is io_getevents: it waits for an event, and takes as many as are there and fit. It returns 0 at the end of file. EINVAL after
// the kill and, of events_raw, for a dst that holds no event, or fewer than min=; EAGAIN; EINTR, but only where no event was taken.
// With more it goes on with a read(2) that the kernel split, and does not wait.
func (r *Reader) Read(dst []byte, more bool, intr Interrupt) (int, error) {
	c := r.ctx
	if err := c.get(); err != nil {
		return 0, err
	}
	defer c.Put()
	if len(dst) == 0 {
		return 0, nil
	}
	if r.raw && len(dst) < eventSize {
		return 0, syscall.EINVAL
	}
	if more {
		return r.take(dst, 0), nil
	}
	r.waitMu.Lock()
	getNr, min, timeout := r.getNr, r.min, r.timeout
	r.waitMu.Unlock()
	if !getNr {
		return r.readStream(dst, intr)
	}
	if r.raw && min > len(dst)/eventSize {
		return 0, syscall.EINVAL
	}
	return r.getEvents(dst, min, timeout, intr)
}

// readStream is a read as of a FIFO.
func (r *Reader) readStream(dst []byte, intr Interrupt) (int, error) {
	c := r.ctx
	c.eof.beginRead(r)
	defer c.eof.endRead(r)
	for {
		if n := r.take(dst, 1); n > 0 {
			return n, nil
		}
		if r.atEnd() && c.eof.tell(r) {
			return 0, nil
		}
		if r.nonblock {
			return 0, syscall.EAGAIN
		}
		ready := func() bool { return c.dead.Load() || r.available() > 0 || r.atEnd() }
		if err := c.wait.wait(1, ready, intr, time.Time{}); err != nil {
			return 0, err
		}
		if c.dead.Load() {
			return 0, errDead
		}
	}
}

// getEvents is read_events with min_nr and a timeout. Who was woken may find that another reader was faster, and waits again.
func (r *Reader) getEvents(dst []byte, min int, timeout time.Duration, intr Interrupt) (int, error) {
	c := r.ctx
	var deadline time.Time
	if timeout >= 0 {
		deadline = time.Now().Add(timeout)
	}
	ready := func() bool { return c.dead.Load() || r.available() >= min }
	waits := timeout != 0 && min > 0
	var err error
	for waits && !r.nonblock && err == nil && !c.dead.Load() {
		if n := r.take(dst, min); n > 0 {
			return n, nil
		}
		err = c.wait.wait(min, ready, intr, deadline)
	}
	n := r.take(dst, 0)
	switch {
	case n > 0:
		return n, nil
	case c.dead.Load():
		return 0, errDead
	case err == syscall.EINTR:
		return 0, err
	case waits && r.nonblock:
		return 0, syscall.EAGAIN
	}
	return 0, nil
}

// available is how many events there are to take. The rest of one that was taken counts as one.
func (r *Reader) available() int {
	n := 0
	if l := r.ctx.live.Load(); l != nil {
		n = int(l.ring.Len())
	}
	if !r.raw {
		r.mu.Lock()
		if len(r.rest) > 0 {
			n++
		}
		r.mu.Unlock()
	}
	return n
}

// atEnd says whether there is nothing more to come. Nobody can submit, then nothing is in flight, then the ring is empty: in this
// order, since an event is in the ring before its request stops counting as in flight.
func (r *Reader) atEnd() bool {
	c := r.ctx
	return c.eof.owes(r) && c.reqsActive.Load() == 0 && r.available() == 0
}

// take takes the events that are there and fit, without waiting, and none where there are fewer than min. An event is taken when its
// first byte is; the rest of one that was taken comes first, whatever min.
func (r *Reader) take(dst []byte, min int) int {
	l := r.ctx.live.Load()
	if l == nil {
		return 0
	}
	if r.raw {
		return r.ctx.takeRaw(l, dst, min)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rest) > 0 {
		min = 0
	}
	n := copy(dst, r.rest)
	r.rest = r.rest[n:]
	if len(r.rest) > 0 || n == len(dst) {
		return n
	}
	r.ctx.takeEvents(l, min, func(ev ring.IOEvent, i uint32) bool {
		if n == len(dst) {
			return false
		}
		r.line = appendEvent(r.line[:0], ev, l.infoOf(i, ev))
		if n > 0 && len(r.line) > len(dst)-n {
			return false // whole lines, as long as there is one
		}
		m := copy(dst[n:], r.line)
		n += m
		r.rest = append(r.rest[:0], r.line[m:]...)
		return true
	})
	return n
}

const eventSize = 32 // sizeof(struct io_event)

// takeRaw takes as many struct io_event as fit into dst, and none where there are fewer than min.
func (c *Kioctx) takeRaw(l *live, dst []byte, min int) (n int) {
	c.takeEvents(l, min, func(ev ring.IOEvent, _ uint32) bool {
		if len(dst)-n < eventSize {
			return false
		}
		putEvent(dst[n:], ev)
		n += eventSize
		return true
	})
	return n
}

// putEvent writes ev as a struct io_event.
func putEvent(b []byte, ev ring.IOEvent) {
	e := binary.NativeEndian
	e.PutUint64(b, ev.Data)
	e.PutUint64(b[8:], ev.Obj)
	e.PutUint64(b[16:], uint64(ev.Res))
	e.PutUint64(b[24:], uint64(ev.Res2))
}

// takeEvents is aio_read_events_ring: where there are min events it gives them to f from head on, until f refuses one or there are
// none, and takes those out that f took. Then their slots come back.
func (c *Kioctx) takeEvents(l *live, min int, f func(ev ring.IOEvent, index uint32) bool) {
	l.ringLock.Lock()
	w := l.ring.Peek()
	n := uint32(0)
	for n < w.Len() && int(w.Len()) >= min {
		ev, i := w.At(n)
		if !f(ev, i) {
			break
		}
		n++
	}
	if n > 0 {
		w.Advance(n)
	}
	l.ringLock.Unlock()
	if n == 0 {
		return
	}
	l.completionLock.Lock()
	returned := l.refill()
	l.completionLock.Unlock()
	if returned > 0 {
		c.writers.wakeAll()
	}
	if c.reqsActive.Load() == 0 {
		c.wait.wakeAll() // another reader may be at the end of file now
	}
}

// infoOf is what belongs to the event at index i, if it is still the one that was put there.
func (l *live) infoOf(i uint32, ev ring.IOEvent) info {
	l.completionLock.Lock()
	defer l.completionLock.Unlock()
	if in := l.infos[i]; in.seq == ev.Obj {
		return in
	}
	return info{seq: ev.Obj, cmd: iocb.CmdNoop}
}

// appendEvent appends an event as a line of events: TAG RES ERR seq=N op=OP usec=T [PATH].
func appendEvent(b []byte, ev ring.IOEvent, i info) []byte {
	b = strconv.AppendUint(b, ev.Data, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, ev.Res, 10)
	b = append(b, ' ')
	if ev.Res < 0 && ev.Res >= -4095 {
		b = append(b, iocb.ErrnoName(syscall.Errno(-ev.Res))...)
	} else {
		b = append(b, '-')
	}
	return appendInfo(b, i)
}

// appendInfo appends what events and inflight have in common, and the newline.
func appendInfo(b []byte, i info) []byte {
	b = append(b, " seq="...)
	b = strconv.AppendUint(b, i.seq, 10)
	b = append(b, " op="...)
	b = append(b, i.cmd.String()...)
	b = append(b, " usec="...)
	b = strconv.AppendInt(b, i.usec, 10)
	if i.path != "" {
		b = append(b, ' ')
		b = iocb.AppendPath(b, i.path)
	}
	return append(b, '\n')
}
