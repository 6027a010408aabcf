package ioctx

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

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

// get finds the file of a slot and takes references, which last until the requests end, also where the slot is closed. EBADF.
func (t *fileTable) get(n uint32, refs int32) (*file, error) {
	t.mu.Lock()
	s, ok := t.slots[n]
	if ok {
		s.file.refs.Add(refs) // under the lock, where the slot holds a reference of its own
	}
	t.mu.Unlock()
	if !ok {
		return nil, &iocb.Refusal{Errno: syscall.EBADF, Why: fmt.Sprintf("slot %d of files is empty", n)}
	}
	return s.file, nil
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

// Write does the lines `open SLOT open=... PATH`, `dup SLOT fd=N` and `close SLOT` in order, up to the first that fails, and returns how many bytes they
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
	case iocb.FilesDup:
		return f.dup(l, w, intr)
	}
	return f.open(l, w, intr)
}

// open opens a file into a slot.
func (f *FilesWriter) open(l iocb.FilesLine, w Caller, intr Interrupt) error {
	c := f.ctx
	c.table.mounts.refresh()
	from, err := c.newOrigin(w, intr, len(l.Path) == 0 || l.Path[0] != '/')
	if err != nil {
		return err
	}
	file, err := getOnPool(c, c.table.mounts.classOf(from.name(l.Path)), intr, func(th *threads.Thread) (*file, error) {
		return c.openFile(th, from, l.Path, l.OpenFlags)
	}, from.put)
	if err != nil {
		return err
	}
	return f.fill(l.Slot, slot{file: file, path: l.Path, flags: l.OpenFlags})
}

// dup puts a descriptor of the writer into a slot.
func (f *FilesWriter) dup(l iocb.FilesLine, w Caller, intr Interrupt) error {
	p := process{ctx: f.ctx, caller: w, intr: intr}
	defer p.forget()
	file, err := p.file(l.FD)
	if err != nil {
		return err
	}
	s := slot{file: file, path: fmt.Sprintf("fd=%d", l.FD)}
	if link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.fd)); err == nil {
		s.path = link
	}
	if flags, err := unix.FcntlInt(uintptr(file.fd), unix.F_GETFL, 0); err == nil {
		s.flags = flags
	}
	return f.fill(l.Slot, s)
}

// fill fills a slot with an open file, which is closed where it cannot.
func (f *FilesWriter) fill(n uint32, s slot) error {
	err := f.ctx.files.set(n, s)
	if err != nil {
		s.file.put()
	}
	return err
}
