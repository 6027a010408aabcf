package ioctx

import (
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// fileTable is a context's files: what the slots of its requests mean.
type fileTable struct {
	mu    sync.Mutex
	slots map[uint32]slot // guarded by mu
}

type slot struct {
	file  *file
	path  string
	flags int
}

// get finds the file of a slot and takes a reference, which lasts until the request ends, also where the slot is closed. EBADF.
func (t *fileTable) get(n uint32) (*file, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.slots[n]
	if !ok {
		return nil, &iocb.Refusal{Errno: syscall.EBADF, Why: fmt.Sprintf("slot %d of files is empty", n)}
	}
	return s.file.get(), nil
}

// set fills a slot. EBUSY where it is full.
func (t *fileTable) set(n uint32, s slot) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.slots[n]; ok {
		return &iocb.Refusal{Errno: syscall.EBUSY, Why: fmt.Sprintf("slot %d of files is open", n)}
	}
	if t.slots == nil {
		t.slots = make(map[uint32]slot)
	}
	t.slots[n] = s
	return nil
}

// close empties a slot. EBADF where it is empty.
func (t *fileTable) close(n uint32) error {
	t.mu.Lock()
	s, ok := t.slots[n]
	delete(t.slots, n)
	t.mu.Unlock()
	if !ok {
		return &iocb.Refusal{Errno: syscall.EBADF, Why: fmt.Sprintf("slot %d of files is empty", n)}
	}
	s.file.put()
	return nil
}

// free closes all; the context has no users.
func (t *fileTable) free() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.slots {
		s.file.put()
	}
	t.slots = nil
}

// FilesText is the text of files: `SLOT open=... PATH` lines, by slot.
func (c *Kioctx) FilesText() []byte {
	t := &c.files
	t.mu.Lock()
	defer t.mu.Unlock()
	var b []byte
	for n := range uint32(iocb.MaxSlot + 1) {
		if s, ok := t.slots[n]; ok {
			b = strconv.AppendUint(b, uint64(n), 10)
			b = append(b, " open="...)
			b = iocb.AppendOpen(b, s.flags)
			b = append(b, ' ')
			b = append(iocb.AppendPath(b, s.path), '\n')
		}
	}
	return b
}

// FilesWriter is an open descriptor of files, for writing.
type FilesWriter struct {
	ctx   *Kioctx
	sem   semaphore // held by a write; guards split
	split iocb.Splitter
}

// OpenFiles opens files for writing.
func (c *Kioctx) OpenFiles() (*FilesWriter, error) {
	if err := c.get(); err != nil {
		return nil, err
	}
	defer c.Put()
	return &FilesWriter{ctx: c}, nil
}

// Close is the last close of the descriptor.
func (f *FilesWriter) Close() {
	if cut := f.split.Cut(); len(cut) > 0 {
		f.refuse(&iocb.Refusal{Errno: syscall.EINVAL, Why: "cut off by the close, not taken"}, cut)
	}
}

// Write does the lines `open SLOT open=... PATH` and `close SLOT` in order, up to the first that fails, and returns how many bytes they
// are; the errno where that is none. An open is done before it returns; one that hangs can be ended by a signal: EINTR.
func (f *FilesWriter) Write(p []byte, w Caller, intr Interrupt) (int, error) {
	if err := f.ctx.get(); err != nil {
		return 0, err
	}
	defer f.ctx.Put()
	if err := f.sem.acquire(intr, false); err != nil {
		return 0, err
	}
	defer f.sem.release()
	done := 0
	for {
		line, n, ok := f.split.Next(p[done:])
		if !ok {
			break
		}
		if err := f.do(line, w, intr); err != nil {
			f.refuse(err, line)
			f.split.Discard()
			if done > 0 {
				return done, nil
			}
			return 0, err
		}
		f.split.Took()
		done += n
	}
	if err := f.split.Keep(p[done:]); err != nil {
		f.refuse(err, f.split.Cut())
		f.split.Discard()
		if done > 0 {
			return done, nil
		}
		return 0, err
	}
	return len(p), nil
}

func (f *FilesWriter) refuse(err error, text []byte) {
	f.ctx.stat.refused.Add(1)
	f.ctx.refused(&refusal{where: fmt.Sprintf("files line=%d", f.split.Line()), err: err, text: text})
}

func (f *FilesWriter) do(line []byte, w Caller, intr Interrupt) error {
	l, err := iocb.ParseFiles(line)
	if err != nil {
		return err
	}
	switch l.Verb {
	case iocb.FilesClose:
		return f.ctx.files.close(l.Slot)
	case iocb.FilesOpen:
		return f.open(l, w, intr)
	}
	return &iocb.Refusal{Errno: syscall.EBADF, Why: "descriptors of the caller are not supported"}
}

// open opens a file into a slot. Where a signal or a kill ends the wait the open goes on without anyone, and what it opens is closed.
func (f *FilesWriter) open(l iocb.FilesLine, w Caller, intr Interrupt) error {
	c := f.ctx
	c.table.mounts.refresh()
	from, err := newOrigin(w, len(l.Path) == 0 || l.Path[0] != '/')
	if err != nil {
		return err
	}
	o := &opening{ctx: c, from: from, path: l.Path, flags: l.OpenFlags}
	o.task = threads.Task{Class: c.table.mounts.classOf(from.name(l.Path)), Share: c, Run: o.run}
	c.table.cfg.Pool.Go(&o.task)
	file, err := o.wait(intr)
	if err != nil {
		return err
	}
	if err := c.files.set(l.Slot, slot{file: file, path: l.Path, flags: l.OpenFlags}); err != nil {
		file.put()
		return err
	}
	return nil
}

// opening is an open that somebody waits for.
type opening struct {
	ctx   *Kioctx
	from  *origin
	path  string
	flags int
	task  threads.Task

	mu   sync.Mutex
	done bool  // guarded by mu
	left bool  // guarded by mu; nobody waits any more
	file *file // set before done
	err  error // set before done
}

func (o *opening) run(th *threads.Thread) {
	file, err := o.ctx.table.openFile(th, o.from, o.path, o.flags)
	o.from.put()
	o.mu.Lock()
	o.done, o.file, o.err = true, file, err
	left := o.left
	o.mu.Unlock()
	if left && file != nil {
		file.put()
	}
	o.ctx.writers.wakeAll()
}

// wait returns what was opened. EINTR, and EINVAL where the context is killed meanwhile: then the open is nobody's.
func (o *opening) wait(intr Interrupt) (*file, error) {
	isDone := func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.done
	}
	err := o.ctx.writers.wait(1, func() bool { return isDone() || o.ctx.Dead() }, intr, time.Time{})
	if err == nil && isDone() {
		return o.file, o.err
	}
	if err == nil {
		err = errDead
	}
	if o.ctx.table.cfg.Pool.Cancel(&o.task) {
		o.from.put()
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return o.file, o.err
	}
	o.left = true
	return nil, err
}
