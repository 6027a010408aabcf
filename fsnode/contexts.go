package fsnode

import (
	"context"
	"strconv"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// contexts is ctx/: everyone may make a context, only its owner, the mounter and root may remove it.
type contexts struct{ dir }

var (
	_ = (fs.NodeLookuper)((*contexts)(nil))
	_ = (fs.NodeMkdirer)((*contexts)(nil))
	_ = (fs.NodeRmdirer)((*contexts)(nil))
	_ = (fs.NodeOpendirHandler)((*contexts)(nil))
)

func newContexts(t *tree) fs.InodeEmbedder {
	return &contexts{dir{node{attrs: t.attrs(0o1777)}}}
}

// parseID reads the name of a context: decimal without leading zeros, below 2^32.
func parseID(name string) (uint32, bool) {
	n, err := strconv.ParseUint(name, 10, 32)
	return uint32(n), err == nil && strconv.FormatUint(n, 10) == name
}

// Lookup lets the kernel cache no entry: a context made through `new` vanishes from behind.
func (d *contexts) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if name == newName {
		out.SetEntryTimeout(keep)
		return d.enter(ctx, newNew(d.tree), stable(0, kindNew, syscall.S_IFREG), out)
	}
	id, ok := parseID(name)
	if !ok {
		return nil, syscall.ENOENT
	}
	c, err := d.tree.table.Lookup(id)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer c.Put()
	return d.enterContext(ctx, c, out)
}

func (d *contexts) enterContext(ctx context.Context, c *ioctx.Kioctx, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return d.enter(ctx, newContextDir(d.tree, c), stable(c.Serial(), kindDir, syscall.S_IFDIR), out)
}

// Mkdir is io_setup. EINVAL for a name that is no number, EEXIST, EAGAIN where aio-nr would pass aio-max-nr, ENOMEM and
// EMFILE where the daemon cannot look at who makes it. The mode asked for does not matter. Only Rmdir ends such a context, so its entry may be cached.
func (d *contexts) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	id, ok := parseID(name)
	if !ok {
		return nil, syscall.EINVAL
	}
	o, err := ownerOf(ctx)
	if err != nil {
		return nil, errnoOf(err)
	}
	c, err := d.tree.table.Setup(id, o)
	if err != nil {
		return nil, errnoOf(err)
	}
	out.SetEntryTimeout(keep)
	return d.enterContext(ctx, c, out)
}

// Rmdir is io_destroy: ENOENT, EPERM for others than the owner, the mounter and root, EINVAL for the loser of a race. It waits
// for a grace period but for no I/O. Nothing can put another's context in the place of the one that was checked: the kernel
// holds the lock on ctx/ against mkdir, and `new` hands a number out again only when all others have had their turn.
func (d *contexts) Rmdir(ctx context.Context, name string) syscall.Errno {
	id, ok := parseID(name)
	if !ok {
		return syscall.ENOENT
	}
	c, err := d.tree.table.Lookup(id)
	if err != nil {
		return errnoOf(err)
	}
	defer c.Put()
	uid := callerOf(ctx).Uid
	if uid != c.Owner().UID && uid != d.tree.owner.UID && uid != 0 {
		return syscall.EPERM
	}
	if err := d.tree.table.Destroy(id); err != nil {
		return errnoOf(err)
	}
	d.tree.forget(d.EmbeddedInode(), c)
	return 0
}

func (d *contexts) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return &listing{list: d.list}, 0, 0
}

func (d *contexts) list() []fuse.DirEntry {
	entries := []fuse.DirEntry{{Name: newName, Mode: syscall.S_IFREG, Ino: ino(0, kindNew)}}
	for _, id := range d.tree.table.IDs() {
		c, err := d.tree.table.Lookup(id)
		if err != nil {
			continue
		}
		name := strconv.FormatUint(uint64(id), 10)
		entries = append(entries, fuse.DirEntry{Name: name, Mode: syscall.S_IFDIR, Ino: ino(c.Serial(), kindDir)})
		c.Put()
	}
	return entries
}
