package fsnode

import (
	"context"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
)

// files is the context's table of open files: it reads as it was when it was opened, and takes lines that open and close.
//
// An open can hang, so each LOOKUP makes one, like submit. It keeps size 0: programs that look at the size before they read
// would be misled by another, and so writes on descriptors that share an open file wait for each other.
type files struct {
	node
	kioctx *ioctx.Kioctx
}

var _ = (fs.NodeOpener)((*files)(nil))

func newFiles(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o600
	return &files{node{attrs: a}, c}
}

// Open gives a stream to whoever only writes. One that reads needs a position to come to an end.
func (n *files) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h := &filesHandle{content: content{kioctx: n.kioctx}, opener: openerOf(ctx)}
	if reads(flags) {
		h.text = n.kioctx.FilesText()
	}
	if !writes(flags) {
		return h, openFile, 0
	}
	w, err := n.kioctx.OpenFiles()
	if err != nil {
		return nil, 0, errnoOf(err)
	}
	h.writer = w
	if reads(flags) {
		return h, openFile, 0
	}
	return h, openStream, 0
}

// filesHandle is an open files.
type filesHandle struct {
	content
	writer *ioctx.FilesWriter // nil: read-only
	opener opener
}

var (
	_ = (fs.FileReader)((*filesHandle)(nil))
	_ = (fs.FileWriter)((*filesHandle)(nil))
	_ = (fs.FileReleaser)((*filesHandle)(nil))
)

// Write opens, dups and closes, a line each, at once: the errno of the first that fails is the write's. A signal ends its wait
// for an open that hangs. EPERM from another uid than the one that opened the descriptor.
func (h *filesHandle) Write(ctx context.Context, p []byte, _ int64) (uint32, syscall.Errno) {
	if errno := h.opener.commands(ctx); errno != 0 {
		return 0, errno
	}
	return written(h.writer.Write(p, taskOf(ctx), interruptOf(ctx)))
}

func (h *filesHandle) Release(context.Context) syscall.Errno {
	if h.writer != nil {
		h.writer.Close()
	}
	return 0
}
