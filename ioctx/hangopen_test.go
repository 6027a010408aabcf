package ioctx

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/aiofs/aiofs/ring/testenv"
)

// hangOpen is a mounted file whose opens hang until the test answers them, as on a server that is down.
type hangOpen struct {
	fs.Inode
	path     string
	answers  chan struct{}
	released sync.Once

	arrived, closed atomic.Int32
}

var (
	_ fs.NodeOpener    = (*hangOpen)(nil)
	_ fs.NodeSetattrer = (*hangOpen)(nil)
)

// newHangOpen mounts one until the test ends, by when nothing may have it open. It comes after newEnv, whose look at what is left comes
// last.
func newHangOpen(t *testing.T) *hangOpen {
	t.Helper()
	dir := t.TempDir()
	h := &hangOpen{path: filepath.Join(dir, "file"), answers: make(chan struct{})}
	root := &fs.Inode{}
	opts := &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "hangopen"}}
	opts.OnAdd = func(ctx context.Context) {
		root.AddChild("file", root.NewPersistentInode(ctx, h, fs.StableAttr{Mode: fuse.S_IFREG}), false)
	}
	server, err := fs.Mount(dir, root, opts)
	if err != nil {
		testenv.Lacks(t, "mount: %v", err)
	}
	t.Cleanup(func() {
		h.release()
		testenv.Eventually(t, "unmounting", func() bool { return server.Unmount() == nil })
		server.Wait()
	})
	return h
}

// answer answers one open.
func (h *hangOpen) answer() { h.answers <- struct{}{} }

// release answers all opens, those that hang and those to come.
func (h *hangOpen) release() { h.released.Do(func() { close(h.answers) }) }

func (h *hangOpen) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h.arrived.Add(1)
	<-h.answers
	return hangHandle{h}, fuse.FOPEN_DIRECT_IO, 0
}

// Setattr is for O_TRUNC.
func (h *hangOpen) Setattr(context.Context, fs.FileHandle, *fuse.SetAttrIn, *fuse.AttrOut) syscall.Errno {
	return 0
}

// hangHandle is an open file of it.
type hangHandle struct{ of *hangOpen }

var _ fs.FileReleaser = hangHandle{}

func (h hangHandle) Release(context.Context) syscall.Errno {
	h.of.closed.Add(1)
	return 0
}
