package fsnode

import (
	"context"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// events is `events` and `events_raw`: streams whose reads are io_getevents. A read waits for one event, or gets EAGAIN where
// the descriptor was opened with O_NONBLOCK.
type events struct {
	node
	kioctx *ioctx.Kioctx
	raw    bool
}

var _ = (fs.NodeOpener)((*events)(nil))

func newEvents(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o600
	return &events{node{attrs: a}, c, false}
}

func newEventsRaw(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o600
	return &events{node{attrs: a}, c, true}
}

// Open refuses a descriptor that cannot read with EINVAL: what is written there configures reads of the same descriptor, and
// `echo ... > events` would say so to nobody.
func (n *events) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if !reads(flags) {
		return nil, 0, syscall.EINVAL
	}
	r, err := n.kioctx.OpenEvents(n.raw, nonblocking(flags))
	if err != nil {
		return nil, 0, errnoOf(err)
	}
	return &eventsHandle{r}, openStream &^ fuse.FOPEN_NOFLUSH, 0
}

// eventsHandle is an open events.
type eventsHandle struct{ reader *ioctx.Reader }

var (
	_ = (fs.FileReader)((*eventsHandle)(nil))
	_ = (fs.FileWriter)((*eventsHandle)(nil))
	_ = (fs.FileFlusher)((*eventsHandle)(nil))
	_ = (fs.FileReleaser)((*eventsHandle)(nil))
)

// Read is io_getevents. The descriptor has no position, so an offset above 0 is the rest of a read(2) that the kernel has
// split, which never waits.
func (h *eventsHandle) Read(ctx context.Context, dst []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, err := h.reader.Read(dst, off > 0, interruptOf(ctx))
	if err != nil {
		return nil, errnoOf(err)
	}
	return fuse.ReadResultData(dst[:n]), 0
}

// Write is "min=M timeout=DUR": what later reads of this descriptor wait for.
func (h *eventsHandle) Write(_ context.Context, p []byte, _ int64) (uint32, syscall.Errno) {
	if err := h.reader.Configure(p); err != nil {
		return 0, errnoOf(err)
	}
	return uint32(len(p)), 0
}

// Flush comes before a close returns, RELEASE some time after the last one: by then another program may have submitted and closed,
// and a third wait for the end of file.
func (h *eventsHandle) Flush(context.Context) syscall.Errno {
	h.reader.Flush()
	return 0
}

func (h *eventsHandle) Release(context.Context) syscall.Errno {
	h.reader.Close()
	return 0
}
