package fsnode

import (
	"context"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// contextDir is ctx/N. A process that has a dead one as its working directory finds it empty.
type contextDir struct {
	dir
	kioctx    *ioctx.Kioctx
	forgotten atomic.Bool // by the kernel
}

var (
	_ = (fs.NodeOnForgetter)((*contextDir)(nil))
	_ = (fs.NodeLookuper)((*contextDir)(nil))
	_ = (fs.NodeOpendirHandler)((*contextDir)(nil))
)

func newContextDir(t *tree, c *ioctx.Kioctx) *contextDir {
	return &contextDir{dir: dir{node{attrs: attrs{tree: t, owner: c.Owner(), perm: 0o700}}}, kioctx: c}
}

// OnForget is for the forgetter.
func (d *contextDir) OnForget() { d.forgotten.Store(true) }

// contextFile is one entry of a context's directory.
type contextFile struct {
	name  string
	kind  kind
	typ   uint32
	fresh bool // an inode for each LOOKUP: see the package comment
	make  func(attrs, *ioctx.Kioctx) fs.InodeEmbedder
	ends  func(*tree, *ioctx.Kioctx) error // opens the daemon's end of a FIFO
}

var contextFiles = []contextFile{
	{"nr_events", kindNrEvents, syscall.S_IFREG, false, newNrEvents, nil},
	{"submit", kindSubmit, syscall.S_IFREG, true, newSubmit, nil},
	{"events", kindEvents, syscall.S_IFREG, false, newEvents, nil},
	{"events_raw", kindEventsRaw, syscall.S_IFREG, false, newEventsRaw, nil},
	{"cancel", kindCancel, syscall.S_IFREG, false, newCancel, nil},
	{"ready", kindReady, syscall.S_IFIFO, false, newFifo, (*tree).makeReady},
	{"buf", kindBuf, syscall.S_IFREG, false, newBuf, nil},
	{"ring", kindRing, syscall.S_IFREG, false, newRing, nil},
	{"sq", kindSQ, syscall.S_IFREG, false, newSQ, nil},
	{"doorbell", kindDoorbell, syscall.S_IFIFO, false, newFifo, (*tree).makeDoorbell},
	{"files", kindFiles, syscall.S_IFREG, true, newFiles, nil},
	{"out", kindOut, syscall.S_IFDIR, false, newOut, nil},
	{"stat", kindStat, syscall.S_IFREG, false, newStat, nil},
	{"inflight", kindInflight, syscall.S_IFREG, false, newInflight, nil},
	{"error_log", kindErrorLog, syscall.S_IFREG, false, newErrorLog, nil},
}

// Lookup lets the kernel cache no entry: they all vanish with the context.
func (d *contextDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	i := slices.IndexFunc(contextFiles, func(f contextFile) bool { return f.name == name })
	if i < 0 || d.kioctx.Dead() {
		return nil, syscall.ENOENT
	}
	f := contextFiles[i]
	if f.ends != nil && !d.tree.fifos.isOpening(callerOf(ctx).Pid) {
		if err := f.ends(d.tree, d.kioctx); err != nil {
			return nil, errnoOf(err)
		}
	}
	id := stable(d.kioctx.Serial(), f.kind, f.typ)
	if f.fresh {
		id = d.tree.fresh(id.Ino)
	}
	return d.enter(ctx, f.make(attrs{tree: d.tree, owner: d.owner}, d.kioctx), id, out)
}

func (d *contextDir) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return &listing{list: d.list}, 0, 0
}

func (d *contextDir) list() []fuse.DirEntry {
	if d.kioctx.Dead() {
		return nil
	}
	var entries []fuse.DirEntry
	for _, f := range contextFiles {
		entries = append(entries, fuse.DirEntry{Name: f.name, Mode: f.typ, Ino: ino(d.kioctx.Serial(), f.kind)})
	}
	return entries
}

// newNrEvents is nr_events: a read-write single value, the events this context reserves. EINVAL for what is no number, for 0
// and for absurd sizes, EAGAIN over aio-max-nr, EBUSY after the first submit.
func newNrEvents(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o600
	set := func(p []byte) error {
		nr, err := parseNumber(p)
		if err != nil {
			return err
		}
		return c.SetNrEvents(nr)
	}
	return &value{node{attrs: a}, c, func() []byte { return number(uint64(c.NrEvents())) }, set}
}

// newCancel is cancel: a write-only file, a line for each request to stop. EINVAL for a bad line, ENOENT where none matched.
func newCancel(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o200
	return &value{node{attrs: a}, c, nil, c.Cancel}
}

// newStat is stat: read-only flat-keyed counters.
func newStat(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o400
	return &value{node{attrs: a}, c, c.Stat, nil}
}

// newInflight is inflight: read-only, a line for each request not yet completed.
func newInflight(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o400
	return &value{node{attrs: a}, c, c.Inflight, nil}
}

// newErrorLog is error_log: read-only, a line for each of the last refused requests.
func newErrorLog(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o400
	return &value{node{attrs: a}, c, c.ErrorLog, nil}
}
