package ioctx

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// Cancel is io_cancel for a write to `cancel`: a line each of tag=T, seq=S or all. Every line is tried. EINVAL for a line that is
// none of these, before any is tried; ENOENT where no line matched a request in flight. Success means told to stop: the event
// comes through the ring like any other.
func (c *Kioctx) Cancel(text []byte) error {
	if err := c.get(); err != nil {
		return err
	}
	defer c.Put()
	lines, err := parseCancels(text)
	if err != nil {
		c.refused(err)
		return err
	}
	matches := func(k *kiocb) bool {
		return slices.ContainsFunc(lines, func(l iocb.CancelLine) bool {
			return l.All || l.ByTag && k.tag == l.Tag || l.BySeq && k.seq == l.Seq
		})
	}
	all := slices.ContainsFunc(lines, func(l iocb.CancelLine) bool { return l.All })
	if c.cancel(matches) == 0 && !all {
		return syscall.ENOENT
	}
	return nil
}

func parseCancels(text []byte) ([]iocb.CancelLine, error) {
	var lines []iocb.CancelLine
	for n, line := range bytes.Split(text, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		l, err := iocb.ParseCancel(line)
		if err != nil {
			return nil, &refusal{where: fmt.Sprintf("cancel line=%d", n+1), text: line, err: err}
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return nil, syscall.ENOENT
	}
	return lines, nil
}

// cancel tells every active request that matches to stop, and returns how many there were. They are marked and referenced under
// ctxLock, which completion takes before it unlinks, and told outside it, since an engine may complete them at once. One that is
// between a pool thread and the engine is only marked: start looks at the mark.
func (c *Kioctx) cancel(matches func(*kiocb) bool) (n int) {
	var staged, started []*kiocb
	c.ctxLock.Lock()
	for k := range c.active.All() {
		if !matches(k) {
			continue
		}
		n++
		k.cancelled = true
		switch k.phase {
		case phaseStage:
			staged = append(staged, k.get())
		case phaseStarted:
			started = append(started, k.get())
		}
	}
	c.ctxLock.Unlock()

	for _, k := range staged {
		k.cancelStage()
		k.put()
	}
	c.cancelStarted(started)
	return n
}

// cancelStarted passes requests on to the engine and drops the canceller's reference to each.
func (c *Kioctx) cancelStarted(ks []*kiocb) {
	if len(ks) == 0 {
		return
	}
	batch := make([]*engine.Request, len(ks))
	for i, k := range ks {
		batch[i] = &k.io
	}
	c.live.Load().queue.Cancel(batch)
	for _, k := range ks {
		k.put()
	}
}

// cancelStage ends a request whose file a pool thread opens or will. One that is still queued never runs. One whose open hangs
// is left to its thread, which finds it completed; but not where the open changes the file system, since a file that is made or
// truncated after its event said ECANCELED would be a surprise.
func (k *kiocb) cancelStage() {
	if k.ctx.table.cfg.Pool.Cancel(&k.task) {
		k.Complete(-int64(unix.ECANCELED))
		k.endStage()
		return
	}
	if k.abandonable() && k.leaveStage() {
		k.complete(-int64(unix.ECANCELED))
	}
}

func (k *kiocb) abandonable() bool {
	return k.req.File == iocb.FilePath && k.req.OpenFlags&(unix.O_CREAT|unix.O_TRUNC) == 0
}

// leaveStage claims the request unless its stage has just ended, in which case start sees that it was cancelled. The stage's thread
// looks under the same lock, so it either takes the request on or finds it completed.
func (k *kiocb) leaveStage() bool {
	k.ctx.ctxLock.Lock()
	defer k.ctx.ctxLock.Unlock()
	return k.phase == phaseStage && k.claim()
}

// refused leaves a line in error_log for what a user got wrong; an errno without words is none.
func (c *Kioctx) refused(err error) {
	var r *refusal
	if errors.As(err, &r) {
		c.errorLog.add(r)
	}
}
