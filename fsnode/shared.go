package fsnode

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// shareMemory finds out whether memory can be shared with clients: FUSE passthrough, Linux 6.9 and CAP_SYS_ADMIN in the first user
// namespace. go-fuse would find out with the first open, and not say so.
func (t *tree) shareMemory(srv *fuse.Server, log *slog.Logger) {
	err := passthrough(srv)
	t.srv = srv
	if t.shares = err == nil; !t.shares {
		cmp.Or(log, slog.Default()).Info("no shared memory: sq cannot be opened, and buf and ring cannot be mapped", "why", err)
	}
}

// passthrough is replaced by tests of mounts without it.
var passthrough = probePassthrough

func probePassthrough(srv *fuse.Server) error {
	fd, err := unix.MemfdCreate("aiofs-probe", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if errno := tryBacking(srv, fd); errno != 0 {
		return fmt.Errorf("FUSE passthrough: %w", errno)
	}
	return nil
}

// tryBacking registers a backing file, and no longer.
func tryBacking(srv *fuse.Server, fd int) syscall.Errno {
	id, errno := srv.RegisterBackingFd(&fuse.BackingMap{Fd: int32(fd)})
	if errno != 0 {
		return errno
	}
	return srv.UnregisterBackingFd(id)
}

// shared is `ring` or `sq`: memory that a client maps, and the kernel passes through to. Reads and writes at an offset reach the
// daemon, since the handle has FOPEN_DIRECT_IO too.
type shared struct {
	node
	kioctx *ioctx.Kioctx
	size   func() int64
	open   func() (*ioctx.Shared, error)
}

var (
	_ = (fs.NodeGetattrer)((*shared)(nil))
	_ = (fs.NodeSetattrer)((*shared)(nil))
	_ = (fs.NodeOpener)((*shared)(nil))
)

// newRing is ring: the completion ring. Its first open fixes nr_events.
func newRing(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o600
	return &shared{node{attrs: a}, c, c.RingSize, c.OpenRing}
}

// newSQ is sq: the submission ring. ENODEV where memory is not shared.
func newSQ(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o600
	open := func() (*ioctx.Shared, error) {
		if !a.tree.shares {
			return nil, syscall.ENODEV
		}
		return c.OpenSQ()
	}
	return &shared{node{attrs: a}, c, c.SQSize, open}
}

// Getattr lets the kernel cache nothing: the size is 0 until the first open.
func (n *shared) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.fill(&out.Attr)
	out.Size = uint64(n.size())
	return 0
}

// Setattr is a node's, which lets `>` have its way. But the kernel would believe a size of 0 in the answer.
func (n *shared) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	var nodes fuse.AttrOut
	if errno := n.node.Setattr(ctx, f, in, &nodes); errno != 0 {
		return errno
	}
	return n.Getattr(ctx, f, out)
}

func (n *shared) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	s, err := n.open()
	if err != nil {
		return nil, 0, errnoOf(err)
	}
	h, errno := n.tree.opened(s)
	if errno != 0 {
		return nil, 0, errno
	}
	return h, openFile, 0
}

// opened is the handle of what was opened, or closes it. Where memory is shared go-fuse registers it next, and were that to fail it would
// share none of this mount any more. So it is tried first: ENOMEM.
func (t *tree) opened(s *ioctx.Shared) (*sharedHandle, syscall.Errno) {
	if t.shares {
		if errno := tryBacking(t.srv, s.FD()); errno != 0 {
			s.Close()
			return nil, errno
		}
	}
	h := &sharedHandle{t, s}
	t.handles.add(h)
	return h, 0
}

// sharedHandle is an open ring, sq or buf. It owns its memfd until RELEASE, so that no other file is ever passed through in its
// place.
type sharedHandle struct {
	tree   *tree
	shared *ioctx.Shared
}

var (
	_ = (fs.FileReader)((*sharedHandle)(nil))
	_ = (fs.FileWriter)((*sharedHandle)(nil))
	_ = (fs.FileReleaser)((*sharedHandle)(nil))
	_ = (fs.FilePassthroughFder)((*sharedHandle)(nil))
)

// PassthroughFd is the memory itself. One attempt that fails would switch passthrough off for the whole mount, so where it is known
// not to work there is none.
func (h *sharedHandle) PassthroughFd() (int, bool) { return h.shared.FD(), h.tree.shares }

func (h *sharedHandle) Read(_ context.Context, dst []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, err := h.shared.ReadAt(dst, off)
	if err != nil {
		return nil, errnoOf(err)
	}
	return fuse.ReadResultData(dst[:n]), 0
}

// Write past the end is ENOSPC, across it a short count.
func (h *sharedHandle) Write(_ context.Context, p []byte, off int64) (uint32, syscall.Errno) {
	return written(h.shared.WriteAt(p, off))
}

func (h *sharedHandle) Release(context.Context) syscall.Errno {
	h.tree.handles.release(h)
	return 0
}

func (h *sharedHandle) close() { h.shared.Close() }
