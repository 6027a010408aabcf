package ioctx

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// model is what a table with a few contexts should be, after any order of steps.
type model struct {
	t    *rapid.T
	tab  *Table
	fake *fakeEngine // nil: the engine completes by itself, before the step is over

	live  map[uint32]*modelCtx
	dying []*modelCtx // killed, with requests in flight
}

// modelCtx is a kioctx by its contract.
type modelCtx struct {
	c      *Kioctx
	s      *Submitter
	raw    *Reader
	nr     uint64
	used   bool // nr is fixed
	seq    uint64
	active []uint64  // in flight, oldest first
	ring   []ioEvent // not reaped
}

const (
	modelMax = 20 // aio-max-nr
	modelNr  = 4  // nr_events of a new context
)

func (m *model) fatalIf(bad bool, format string, args ...any) {
	m.t.Helper()
	if bad {
		m.t.Fatalf(format, args...)
	}
}

// wantErr compares an error with an errno, 0 being none.
func (m *model) wantErr(what string, err error, errno syscall.Errno) {
	m.t.Helper()
	m.fatalIf(errno == 0 && err != nil || errno != 0 && !errors.Is(err, errno), "%s: %v, want %v", what, err, errno)
}

// reserved is what aio-nr should be.
func (m *model) reserved() (n uint64) {
	for _, x := range m.live {
		n += x.nr
	}
	for _, x := range m.dying {
		n += x.nr
	}
	return n
}

// pick draws one of the contexts that live; nil: there is none, and the step is over.
func (m *model) pick() *modelCtx {
	ids := make([]uint32, 0, len(m.live))
	for id := range m.live {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	return m.live[rapid.SampledFrom(ids).Draw(m.t, "context")]
}

func (m *model) Setup(*rapid.T) {
	id := rapid.Uint32Range(0, 3).Draw(m.t, "number")
	var want syscall.Errno
	switch {
	case m.live[id] != nil:
		want = syscall.EEXIST
	case m.reserved()+modelNr > modelMax:
		want = syscall.EAGAIN
	}
	c, err := m.tab.Setup(id, Owner{})
	m.wantErr("setup", err, want)
	if err != nil {
		return
	}
	x := &modelCtx{c: c, nr: modelNr}
	if x.s, err = c.OpenSubmit(true); err == nil {
		x.raw, err = c.OpenEvents(true, true)
	}
	m.wantErr("open", err, 0)
	m.live[id] = x
}

func (m *model) SetNrEvents(*rapid.T) {
	x := m.pick()
	if x == nil {
		return
	}
	n := rapid.Uint64Range(0, modelMax+2).Draw(m.t, "nr_events")
	var want syscall.Errno
	switch {
	case n == 0:
		want = syscall.EINVAL
	case x.used:
		want = syscall.EBUSY
	case n > x.nr && m.reserved()-x.nr+n > modelMax:
		want = syscall.EAGAIN
	}
	m.wantErr("nr_events", x.c.SetNrEvents(n), want)
	if want == 0 {
		x.nr = n
	}
}

func (m *model) Submit(*rapid.T) {
	x := m.pick()
	if x == nil {
		return
	}
	n := rapid.IntRange(1, 8).Draw(m.t, "requests")
	text := ""
	for range n {
		text += "noop\n"
	}
	room := int(x.nr) - len(x.active) - len(x.ring)
	want, errno := min(n, room), syscall.Errno(0)
	if room == 0 {
		errno = syscall.EAGAIN
	}
	got, err := x.s.Write([]byte(text), self, nil)
	m.wantErr("submit", err, errno)
	m.fatalIf(got != want*len("noop\n"), "took %d bytes, want %d requests", got, want)
	x.used = true
	for range want {
		x.seq++
		if m.fake != nil {
			x.active = append(x.active, x.seq)
		} else {
			x.ring = append(x.ring, ioEvent{x.seq, x.seq, 0})
		}
	}
}

// Complete ends some requests, in any order, of any context, also of one that was killed.
func (m *model) Complete(*rapid.T) {
	if m.fake == nil {
		return
	}
	rs := m.fake.inflight()
	if len(rs) == 0 {
		return
	}
	r := rs[rapid.IntRange(0, len(rs)-1).Draw(m.t, "request")]
	res := rapid.Int64Range(-3, 3).Draw(m.t, "result")
	k := r.Owner.(*kiocb)
	c, seq := k.ctx, k.seq
	m.fake.queueOf(r).complete(r, res)
	m.ended(c, seq, res)
}

// ended notes a completion.
func (m *model) ended(c *Kioctx, seq uint64, res int64) {
	for _, x := range append(slices.Clone(m.dying), m.all()...) {
		if x.c != c {
			continue
		}
		x.active = slices.DeleteFunc(x.active, func(s uint64) bool { return s == seq })
		x.ring = append(x.ring, ioEvent{seq, seq, res})
	}
	m.bury()
}

func (m *model) all() (all []*modelCtx) {
	for _, x := range m.live {
		all = append(all, x)
	}
	return all
}

// bury waits for the end of killed contexts that have nothing in flight any more.
func (m *model) bury() {
	m.dying = slices.DeleteFunc(m.dying, func(x *modelCtx) bool {
		if len(x.active) == 0 {
			<-x.c.gone
			return true
		}
		return false
	})
}

func (m *model) Getevents(*rapid.T) {
	x := m.pick()
	if x == nil {
		return
	}
	room := rapid.IntRange(0, 6).Draw(m.t, "room")
	b := make([]byte, room*eventSize+rapid.IntRange(0, eventSize-1).Draw(m.t, "more"))
	n := min(room, len(x.ring))
	errno := syscall.Errno(0)
	switch {
	case len(b) > 0 && len(b) < eventSize:
		errno = syscall.EINVAL
	case len(b) > 0 && n == 0:
		errno = syscall.EAGAIN
	}
	got, err := x.raw.Read(b, false, nil)
	m.wantErr("getevents", err, errno)
	evs := parseEvents(b[:got])
	m.fatalIf(!slices.Equal(evs, x.ring[:n]), "events %v, want %v", evs, x.ring[:n])
	x.ring = x.ring[n:]
}

func (m *model) Cancel(*rapid.T) {
	x := m.pick()
	if x == nil {
		return
	}
	seq := rapid.Uint64Range(1, x.seq+1).Draw(m.t, "seq")
	errno := syscall.Errno(0)
	hit := slices.Contains(x.active, seq)
	if !hit {
		errno = syscall.ENOENT
	}
	m.wantErr("cancel", x.c.Cancel(fmt.Appendf(nil, "seq=%d\n", seq)), errno)
	if hit {
		m.ended(x.c, seq, ecanceled)
	}
}

func (m *model) CancelAll(*rapid.T) {
	x := m.pick()
	if x == nil {
		return
	}
	m.wantErr("cancel", x.c.Cancel([]byte("all\n")), 0)
	for _, seq := range slices.Clone(x.active) {
		m.ended(x.c, seq, ecanceled)
	}
}

// Kill is rmdir. The engine may be one that cancels nothing: then the context lives on behind the scenes.
func (m *model) Kill(*rapid.T) {
	x := m.pick()
	if x == nil {
		return
	}
	if rapid.Bool().Draw(m.t, "cancels") {
		x.active = nil
	} else if m.fake != nil && len(x.active) > 0 {
		m.fake.mu.Lock()
		x.c.live.Load().queue.(*fakeQueue).deaf = true
		m.fake.mu.Unlock()
	}
	m.wantErr("rmdir", m.tab.Destroy(x.c.ID()), 0)
	delete(m.live, x.c.ID())
	m.dying = append(m.dying, x)
	m.bury()
	_, err := x.s.Write([]byte("noop\n"), self, nil)
	m.wantErr("submit after rmdir", err, syscall.EINVAL)
	m.wantErr("rmdir again", m.tab.Destroy(x.c.ID()), syscall.ENOENT)
}

// Check is made after every step.
func (m *model) Check(*rapid.T) {
	m.fatalIf(m.tab.AioNr() != m.reserved(), "aio-nr is %d, want %d", m.tab.AioNr(), m.reserved())
	m.fatalIf(len(m.tab.IDs()) != len(m.live), "%v can be found, want %d", m.tab.IDs(), len(m.live))
	for id, x := range m.live {
		c, err := m.tab.Lookup(id)
		m.wantErr("lookup", err, 0)
		m.fatalIf(c != x.c || c.NrEvents() != uint32(x.nr), "a wrong context")
		c.Put()
		m.fatalIf(c.reqsActive.Load() != int64(len(x.active)), "%d in flight, want %d", c.reqsActive.Load(), len(x.active))
		if l := c.live.Load(); l != nil {
			m.fatalIf(int(l.ring.Len()) != len(x.ring), "%d in the ring, want %d", l.ring.Len(), len(x.ring))
		}
	}
	for _, x := range m.dying {
		m.fatalIf(x.c.reqsActive.Load() != int64(len(x.active)), "%d in flight in a dying one, want %d", x.c.reqsActive.Load(), len(x.active))
	}
}

// end kills what is left.
func (m *model) end() {
	for _, x := range m.live {
		m.tab.Exit(x.c)
	}
	if m.fake != nil {
		m.fake.finish(len(m.fake.inflight()), 0)
	}
	for _, x := range append(m.all(), m.dying...) {
		<-x.c.gone
	}
	m.fatalIf(m.tab.AioNr() != 0, "aio-nr is %d in the end", m.tab.AioNr())
}

// TestModel compares any order of steps with the model, over an engine that the test drives, and over one that does the work.
func TestModel(t *testing.T) {
	t.Run("fake", func(t *testing.T) {
		e, f := fakeEnv(t, Config{NrEvents: modelNr, MaxNr: modelMax})
		rapid.Check(t, func(rt *rapid.T) { runModel(rt, e.Table, f) })
	})
	t.Run("threads", func(t *testing.T) {
		pool := threads.NewPool()
		e := newEnv(t, pool, threads.New(pool), Config{NrEvents: modelNr, MaxNr: modelMax})
		rapid.Check(t, func(rt *rapid.T) { runModel(rt, e.Table, nil) })
	})
}

func runModel(rt *rapid.T, tab *Table, f *fakeEngine) {
	m := &model{t: rt, tab: tab, fake: f, live: make(map[uint32]*modelCtx)}
	defer m.end()
	rt.Repeat(map[string]func(*rapid.T){
		"":           m.Check,
		"setup":      m.Setup,
		"nr_events":  m.SetNrEvents,
		"submit":     m.Submit,
		"complete":   m.Complete,
		"getevents":  m.Getevents,
		"cancel":     m.Cancel,
		"cancel all": m.CancelAll,
		"kill":       m.Kill,
	})
}
