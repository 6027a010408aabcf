package fsnode

import (
	"context"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is the base of every file and directory. The kernel checks modes (default_permissions).
type node struct {
	fs.Inode
	attrs
}

// attrs says whose a node is and who may use it. None of it ever changes.
type attrs struct {
	tree  *tree
	owner ioctx.Owner
	perm  uint32
	size  uint64 // bytes
	block uint32 // st_blksize in bytes, a power of two; 0: 4096
}

var (
	_ = (fs.NodeGetattrer)((*node)(nil))
	_ = (fs.NodeSetattrer)((*node)(nil))
	_ = (fs.NodeStatfser)((*node)(nil))
	_ = (fs.NodeFsyncer)((*node)(nil))
)

// fill writes the attributes. A directory has one link, which says "not counted" to find and the like.
func (n *node) fill(a *fuse.Attr) {
	a.Mode, a.Uid, a.Gid, a.Nlink = n.perm, n.owner.UID, n.owner.GID, 1
	a.Size, a.Blksize = n.size, n.block
	a.SetTimes(&n.tree.born, &n.tree.born, &n.tree.born)
}

// Getattr answers with what never changes. Where the size does, a node has its own.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.fill(&out.Attr)
	out.SetTimeout(keep)
	return 0
}

// Setattr lets `>` and touch have their way and changes nothing: EPERM for modes and owners, EINVAL for a size other than 0,
// EACCES for any size of what nobody may write (root passes the kernel's check).
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	size, truncate := in.GetSize()
	switch {
	case changesRights(in):
		return syscall.EPERM
	case truncate && n.perm&0o222 == 0:
		return syscall.EACCES
	case truncate && size != 0:
		return syscall.EINVAL
	}
	return n.Getattr(ctx, f, out)
}

func changesRights(in *fuse.SetAttrIn) bool {
	return in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0
}

// Statfs tells the length of names; there are no blocks here.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	return 0
}

// Fsync succeeds: what a write has returned from is with the daemon, and nothing here is stored.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return 0 }

// allows is EACCES for an open that asks for what no mode bit grants, which the kernel's check lets root do.
func (n *node) allows(flags uint32) syscall.Errno {
	if reads(flags) && n.perm&0o444 == 0 || writes(flags) && n.perm&0o222 == 0 {
		return syscall.EACCES
	}
	return 0
}

func reads(flags uint32) bool  { return flags&syscall.O_ACCMODE != syscall.O_WRONLY }
func writes(flags uint32) bool { return flags&syscall.O_ACCMODE != syscall.O_RDONLY }

func nonblocking(flags uint32) bool { return flags&syscall.O_NONBLOCK != 0 }

// What Open answers. Nothing is cached, and a close tells the daemon nothing but its RELEASE, events aside.
const (
	openFile   = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
	openStream = openFile | fuse.FOPEN_STREAM | fuse.FOPEN_NONSEEKABLE
)

// callerOf is who makes the call.
func callerOf(ctx context.Context) fuse.Caller {
	return ctx.(*fuse.Context).Caller
}
