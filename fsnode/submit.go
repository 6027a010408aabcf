package fsnode

import (
	"context"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// submit is a write-only stream: one write is one io_submit. A write waits for a free slot, or gets EAGAIN where the descriptor
// was opened with O_NONBLOCK.
//
// Each LOOKUP makes one, so that `echo >` takes no lock that a waiting writer holds.
type submit struct {
	node
	kioctx *ioctx.Kioctx
}

var _ = (fs.NodeOpener)((*submit)(nil))

const (
	// endless lies beyond every write, so that the kernel lets writes run in parallel, and leaves O_APPEND, which writes there,
	// room below the largest file offset.
	endless = 1 << 62
	// pieces is the st_blksize of submit: stdio writes so many bytes at a time.
	pieces = 64 << 10
)

func newSubmit(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm, a.size, a.block = 0o200, endless, pieces
	return &submit{node{attrs: a}, c}
}

func (n *submit) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.allows(flags); errno != 0 {
		return nil, 0, errno
	}
	s, err := n.kioctx.OpenSubmit(nonblocking(flags))
	if err != nil {
		return nil, 0, errnoOf(err)
	}
	return &submitHandle{s, openerOf(ctx)}, openStream | fuse.FOPEN_PARALLEL_DIRECT_WRITES, 0
}

// submitHandle is an open submit.
type submitHandle struct {
	submitter *ioctx.Submitter
	opener    opener
}

var (
	_ = (fs.FileWriter)((*submitHandle)(nil))
	_ = (fs.FileReleaser)((*submitHandle)(nil))
)

// Write is io_submit: EPERM from another uid than the one that opened the descriptor. A signal ends its wait with EINTR, or with the
// short count.
func (h *submitHandle) Write(ctx context.Context, p []byte, _ int64) (uint32, syscall.Errno) {
	if errno := h.opener.commands(ctx); errno != 0 {
		return 0, errno
	}
	return written(h.submitter.Write(p, taskOf(ctx), interruptOf(ctx)))
}

func (h *submitHandle) Release(context.Context) syscall.Errno {
	h.submitter.Close()
	return 0
}
