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

// Open gives buf its memory: ENOSPC over max_buf, ENOMEM.
func (n *buf) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	s, err := n.kioctx.OpenBuf()
	if err != nil {
		return nil, 0, errnoOf(err)
	}
	h, errno := n.tree.opened(s)
	if errno != 0 {
		return nil, 0, errno
	}
	return &bufHandle{h, n.kioctx}, openFile, 0
}

// bufHandle is an open buf. Its size may grow, so reads and writes go by the context and not by the memory that was opened.
type bufHandle struct {
	*sharedHandle
	kioctx *ioctx.Kioctx
}

var (
	_ = (fs.FileReader)((*bufHandle)(nil))
	_ = (fs.FileWriter)((*bufHandle)(nil))
)

func (h *bufHandle) Read(_ context.Context, dst []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, err := h.kioctx.BufReadAt(dst, off)
	if err != nil {
		return nil, errnoOf(err)
	}
	return fuse.ReadResultData(dst[:n]), 0
}

// Write past the end is ENOSPC, across it a short count.
func (h *bufHandle) Write(_ context.Context, p []byte, off int64) (uint32, syscall.Errno) {
	return written(h.kioctx.BufWriteAt(p, off))
}
