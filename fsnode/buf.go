package fsnode

import (
	"context"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// buf is the context's buffer, read and written by offset.
type buf struct {
	node
	kioctx *ioctx.Kioctx
}

var (
	_ = (fs.NodeGetattrer)((*buf)(nil))
	_ = (fs.NodeSetattrer)((*buf)(nil))
	_ = (fs.NodeOpener)((*buf)(nil))
	_ = (fs.NodeReader)((*buf)(nil))
	_ = (fs.NodeWriter)((*buf)(nil))
)

func newBuf(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o600
	return &buf{node{attrs: a}, c}
}

// Getattr lets the kernel cache nothing, since whoever has buf open may make it grow.
func (n *buf) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.fill(&out.Attr)
	out.Size = uint64(n.kioctx.BufSize())
	return 0
}

// Setattr makes buf grow, which is truncate(2): EBUSY for a smaller size, and once a request has used buf; ENOSPC over max_buf;
// EINVAL after the kill. Size 0, which `>` sends, changes nothing. EPERM for modes and owners.
func (n *buf) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if changesRights(in) {
		return syscall.EPERM
	}
	if size, ok := in.GetSize(); ok {
		if err := n.kioctx.BufTruncate(int64(size)); err != nil {
			return errnoOf(err)
		}
	}
	return n.Getattr(ctx, f, out)
}

// Open needs no handle: the node holds the context that it is of.
func (n *buf) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, openFile, 0
}

func (n *buf) Read(_ context.Context, _ fs.FileHandle, dst []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	got, err := n.kioctx.BufReadAt(dst, off)
	if err != nil {
		return nil, errnoOf(err)
	}
	return fuse.ReadResultData(dst[:got]), 0
}

// Write past the end is ENOSPC, across it a short count.
func (n *buf) Write(_ context.Context, _ fs.FileHandle, p []byte, off int64) (uint32, syscall.Errno) {
	return written(n.kioctx.BufWriteAt(p, off))
}
