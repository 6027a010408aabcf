package fsnode

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
)

const newName = "new"

// newFile is ctx/new: a read-only file of which each open makes a context, reads as its number, and at its last close kills
// it. EAGAIN where aio-nr would pass aio-max-nr, ENOMEM and EMFILE where the daemon cannot look at who opens it.
type newFile struct{ node }

var _ = (fs.NodeOpener)((*newFile)(nil))

func newNew(t *tree) fs.InodeEmbedder {
	return &newFile{node{attrs: t.attrs(0o444)}}
}

func (n *newFile) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.allows(flags); errno != 0 {
		return nil, 0, errno
	}
	o, err := ownerOf(ctx)
	if err != nil {
		return nil, 0, errnoOf(err)
	}
	c, err := n.tree.table.SetupNew(o)
	if err != nil {
		return nil, 0, errnoOf(err)
	}
	return &newHandle{content{c, number(uint64(c.ID()))}, n}, openFile, 0
}

// newHandle keeps a context alive.
type newHandle struct {
	content
	of *newFile
}

var (
	_ = (fs.FileReader)((*newHandle)(nil))
	_ = (fs.FileReleaser)((*newHandle)(nil))
)

// Release is exit_aio. The kernel sends it some time after the last close, with no caller in it.
func (h *newHandle) Release(context.Context) syscall.Errno {
	h.of.tree.table.Exit(h.kioctx)
	if _, dir := h.of.Parent(); dir != nil {
		h.of.tree.forget(dir, h.kioctx)
	}
	return 0
}
