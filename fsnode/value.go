package fsnode

import (
	"context"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// value is a file whose content is made when it is opened, and of which one write is one message: README, aio-nr, aio-max-nr,
// and in a context nr_events, cancel, stat, inflight and error_log. Its mode says which of get and set it needs.
type value struct {
	node
	kioctx *ioctx.Kioctx // nil: of the mount
	get    func() []byte
	set    func([]byte) error
}

var _ = (fs.NodeOpener)((*value)(nil))

// newValue is a value of the mount, and the mounter's.
func newValue(t *tree, perm uint32, get func() []byte) *value {
	return &value{node: node{attrs: t.attrs(perm)}, get: get}
}

// Open takes the content that every read of this descriptor will see, so that reads in pieces fit together.
func (v *value) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := v.allows(flags); errno != 0 {
		return nil, 0, errno
	}
	h := &valueHandle{content: content{kioctx: v.kioctx}, set: v.set, opener: openerOf(ctx)}
	if reads(flags) {
		h.text = v.get()
	}
	return h, openFile, 0
}

// valueHandle is an open value.
type valueHandle struct {
	content
	set    func([]byte) error
	opener opener
}

var (
	_ = (fs.FileReader)((*valueHandle)(nil))
	_ = (fs.FileWriter)((*valueHandle)(nil))
)

// Write takes one message, wherever in the file it goes: a second one on the same descriptor has an offset. EPERM from another uid
// than the one that opened the descriptor.
func (h *valueHandle) Write(ctx context.Context, p []byte, _ int64) (uint32, syscall.Errno) {
	if errno := h.opener.commands(ctx); errno != 0 {
		return 0, errno
	}
	if err := h.set(p); err != nil {
		return 0, errnoOf(err)
	}
	return uint32(len(p)), 0
}

// content is text that is read by offset, until its context is killed.
type content struct {
	kioctx *ioctx.Kioctx // nil: of the mount
	text   []byte
}

func (c *content) Read(_ context.Context, dst []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if c.kioctx != nil && c.kioctx.Dead() {
		return nil, syscall.EINVAL
	}
	rest := c.text[min(off, int64(len(c.text))):]
	return fuse.ReadResultData(dst[:copy(dst, rest)]), 0
}
