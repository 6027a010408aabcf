package ioctx

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// Submitter is an open descriptor of submit. Its writes are taken one after another, as they came.
type Submitter struct {
	ctx      *Kioctx
	nonblock bool
	sem      semaphore // held by a write; guards what follows

	split  iocb.Splitter
	logged int      // the number of the request last refused: it comes again when the rest of a short write is written again
	batch  []*kiocb // accepted and not yet started
	reqs   []*engine.Request
	proc   process    // who makes this write
	froms  [2]*origin // of this write, for absolute and for relative paths
}

// OpenSubmit opens submit. With nonblock a write gets EAGAIN, or a short count, where it would wait for a slot.
func (c *Kioctx) OpenSubmit(nonblock bool) (*Submitter, error) {
	if err := c.get(); err != nil {
		return nil, err
	}
	defer c.Put()
	c.eof.openWriter()
	return &Submitter{ctx: c, nonblock: nonblock}, nil
}

// Close is the last close of the descriptor. A request that was cut off there never was one, and error_log says so.
func (s *Submitter) Close() {
	c := s.ctx
	if cut := s.split.Cut(); len(cut) > 0 {
		c.stat.cut.Add(1)
		c.refused(&refusal{
			where: fmt.Sprintf("line=%d", s.split.Line()),
			err:   &iocb.Refusal{Errno: syscall.EINVAL, Why: "cut off by the close, not taken"},
			text:  cut,
		})
	}
	c.eof.closeWriter()
	c.wait.wakeAll()
}

// Write is io_submit: it takes requests in order up to the first that is refused, and returns how many bytes they are; the errno
// where that is none. It waits for slots unless the descriptor is nonblocking. EINVAL after the kill, EAGAIN, EINTR, ENOMEM where
// the first submit cannot get what a context needs, and each errno of a refusal.
func (s *Submitter) Write(p []byte, w Caller, intr Interrupt) (int, error) {
	if err := s.ctx.get(); err != nil {
		return 0, err
	}
	defer s.ctx.Put()
	if err := s.sem.acquire(intr, s.nonblock); err != nil {
		return 0, err
	}
	defer s.sem.release()
	l, err := s.ctx.activate()
	if err != nil {
		return 0, err
	}
	s.proc = process{ctx: s.ctx, caller: w, intr: intr}
	done, err := s.take(l, p, intr)
	s.flush(l)
	s.forgetOrigins()
	s.proc.forget()
	if done > 0 {
		return done, nil
	}
	return 0, err
}

// take accepts the requests in p.
func (s *Submitter) take(l *live, p []byte, intr Interrupt) (done int, err error) {
	binary := s.split.Format(p) == iocb.Binary
	for {
		text, n, ok := s.split.Next(p[done:])
		if !ok {
			break
		}
		if err := s.submitOne(l, text, binary, intr); err != nil {
			s.refuse(err, text, binary)
			return done, err
		}
		s.split.Took()
		done += n
	}
	if binary {
		return done, syscall.EINVAL
	}
	if err := s.split.Keep(p[done:]); err != nil {
		s.refuse(err, s.split.Cut(), binary)
		return done, err
	}
	return len(p), nil
}

// refuse notes a refusal, once. To wait for a slot and not to get one is none.
func (s *Submitter) refuse(err error, text []byte, binary bool) {
	if errors.Is(err, errNoSlot) || s.ctx.Dead() {
		return
	}
	if line := s.split.Line(); line != s.logged {
		s.logged = line
		r := &refusal{where: fmt.Sprintf("line=%d", line), err: err, text: text}
		if binary {
			r.where, r.text = fmt.Sprintf("iocb=%d", line), nil
		}
		s.ctx.stat.refused.Add(1)
		s.ctx.refused(r)
	}
	s.split.Discard()
}

// errNoSlot is EAGAIN or EINTR for the want of a slot: nothing is wrong with the request.
var errNoSlot = errors.New("no slot")

// submitOne is io_submit_one, up to where the request would start: it is put into the batch. The checks come in the kernel's order.
func (s *Submitter) submitOne(l *live, text []byte, binary bool, intr Interrupt) error {
	k := s.ctx.newKiocb()
	var err error
	if binary {
		err = k.req.Decode(text)
	} else {
		err = k.req.ParseText(text)
	}
	if err == nil {
		err = s.takeSlot(l, intr)
	}
	if err != nil {
		k.release()
		return err
	}
	if err := s.ctx.prepare(k, s); err != nil {
		k.discard()
		s.ctx.putReqsAvailable(l, 1)
		return err
	}
	s.batch = append(s.batch, k)
	return nil
}

// takeSlot reserves the place of the request's event. Before it waits, what was accepted is started: its events may be what is
// waited for.
func (s *Submitter) takeSlot(l *live, intr Interrupt) error {
	c := s.ctx
	if c.dead.Load() { // since this write began, or waited behind another
		return errDead
	}
	if l.getReqsAvailable(1) == 1 {
		return nil
	}
	s.flush(l)
	if s.nonblock {
		return fmt.Errorf("%w: %w", errNoSlot, syscall.EAGAIN)
	}
	c.stat.slotWaits.Add(1)
	got := false
	ready := func() bool {
		if !got && !c.dead.Load() {
			got = l.getReqsAvailable(1) == 1
		}
		return got || c.dead.Load()
	}
	err := c.writers.wait(1, ready, intr, time.Time{})
	switch {
	case got:
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", errNoSlot, err)
	}
	return errDead
}

// flush starts what has been accepted.
func (s *Submitter) flush(l *live) {
	if len(s.batch) == 0 {
		return
	}
	s.ctx.copyIn(s.batch, s.proc.intr)
	s.ctx.accept(s.batch)
	s.reqs = s.ctx.start(l, s.batch, s.reqs)
	clear(s.batch)
	s.batch = s.batch[:0]
}

// origin is from where the writer's path resolves; relative ones need his working directory too.
func (s *Submitter) origin(path string) (*origin, error) {
	i := 1
	if len(path) > 0 && path[0] == '/' {
		i = 0
	}
	if s.froms[i] == nil {
		s.ctx.table.mounts.refresh()
		o, err := s.ctx.newOrigin(s.proc.caller, s.proc.intr, i == 1)
		if err != nil {
			return nil, err
		}
		s.froms[i] = o
	}
	return s.froms[i].get(), nil
}

func (s *Submitter) slot(n uint32) (*file, error)            { return s.ctx.files.get(n, 1) }
func (s *Submitter) file(fd int32) (*file, error)            { return s.proc.file(fd) }
func (s *Submitter) eventfd(fd int32) (*eventfd, error)      { return s.proc.eventfd(fd) }
func (s *Submitter) memory(r *iocb.Request, m *copied) error { return s.proc.memory(r, m) }

func (s *Submitter) forgetOrigins() {
	for i, o := range s.froms {
		if o != nil {
			o.put()
			s.froms[i] = nil
		}
	}
}
