package fsnode

import (
	"context"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// dir is the base of every directory: nothing can be made, moved or removed in it, unless the directory has its own say.
// (go-fuse would let every unlink and rmdir succeed.)
type dir struct{ node }

var (
	_ = (fs.NodeCreater)((*dir)(nil))
	_ = (fs.NodeMknoder)((*dir)(nil))
	_ = (fs.NodeMkdirer)((*dir)(nil))
	_ = (fs.NodeSymlinker)((*dir)(nil))
	_ = (fs.NodeLinker)((*dir)(nil))
	_ = (fs.NodeRenamer)((*dir)(nil))
	_ = (fs.NodeUnlinker)((*dir)(nil))
	_ = (fs.NodeRmdirer)((*dir)(nil))
)

func (*dir) Create(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EPERM
}

func (*dir) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (*dir) Mkdir(context.Context, string, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (*dir) Symlink(context.Context, string, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (*dir) Link(context.Context, fs.InodeEmbedder, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (*dir) Rename(context.Context, string, fs.InodeEmbedder, string, uint32) syscall.Errno {
	return syscall.EPERM
}

func (*dir) Unlink(context.Context, string) syscall.Errno { return syscall.EPERM }

func (*dir) Rmdir(context.Context, string) syscall.Errno { return syscall.EPERM }

// enter makes child the answer to a LOOKUP or MKDIR in d. The entry may be cached for as long as entry says; attributes may be
// for ever where the child's size never changes.
func (d *dir) enter(ctx context.Context, child fs.InodeEmbedder, id fs.StableAttr, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	var attr fuse.AttrOut
	if errno := child.(fs.NodeGetattrer).Getattr(ctx, nil, &attr); errno != 0 {
		return nil, errno
	}
	out.Attr = attr.Attr
	out.SetAttrTimeout(attr.Timeout())
	return d.NewInode(ctx, child, id), 0
}

// listing is an open directory. It lists what is there when reading starts and anew after rewinddir(3): one position means
// one entry in between.
type listing struct {
	list func() []fuse.DirEntry

	mu      sync.Mutex
	entries []fuse.DirEntry // guarded by mu; nil: not listed yet
	next    int             // guarded by mu
}

var (
	_ = (fs.FileReaddirenter)((*listing)(nil))
	_ = (fs.FileSeekdirer)((*listing)(nil))
)

func (l *listing) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read()
	if l.next == len(l.entries) {
		return nil, 0
	}
	e := l.entries[l.next]
	l.next++
	e.Off = uint64(l.next)
	return &e, 0
}

func (l *listing) Seekdir(_ context.Context, off uint64) syscall.Errno {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off == 0 {
		l.entries = nil
	}
	l.read()
	if off > uint64(len(l.entries)) {
		return syscall.EINVAL
	}
	l.next = int(off)
	return 0
}

// read makes the list; the caller holds mu.
func (l *listing) read() {
	if l.entries == nil {
		l.entries = append([]fuse.DirEntry{}, l.list()...)
	}
}
