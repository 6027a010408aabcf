package uring

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// hangFS is a file system whose files "hang" + anything answer no read and no write until let go, and whose other files
// answer at once. All of them are read past the page cache.
type hangFS struct {
	fs.Inode
	dir   string
	let   chan struct{}
	once  sync.Once
	asked atomic.Int64 // reads and writes that hang
}

func (h *hangFS) letGo() { h.once.Do(func() { close(h.let) }) }

// mountHangFS is let go and unmounted when the test ends.
func mountHangFS(t testing.TB) *hangFS {
	t.Helper()
	h := &hangFS{dir: t.TempDir(), let: make(chan struct{})}
	opts := &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "hang", MaxBackground: 4096}}
	server, err := fs.Mount(h.dir, h, opts)
	if err != nil {
		skip(t, fmt.Sprintf("mount: %v", err))
	}
	t.Cleanup(func() {
		h.letGo()
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *hangFS) open(t testing.TB, name string) int32 {
	t.Helper()
	fd, err := unix.Open(filepath.Join(h.dir, name), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.letGo(); unix.Close(fd) })
	return int32(fd)
}

func (h *hangFS) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	out.Size = hangFileSize
	n := &hangNode{fs: h, hangs: len(name) >= 4 && name[:4] == "hang"}
	return h.NewInode(ctx, n, fs.StableAttr{Mode: fuse.S_IFREG}), 0
}

// hangFileSize is what the files say: an asynchronous read beyond it never reaches the file system.
const hangFileSize = 1 << 20

type hangNode struct {
	fs.Inode
	fs    *hangFS
	hangs bool
}

var (
	_ = (fs.NodeLookuper)((*hangFS)(nil))
	_ = (fs.NodeGetattrer)((*hangNode)(nil))
	_ = (fs.NodeOpener)((*hangNode)(nil))
	_ = (fs.NodeReader)((*hangNode)(nil))
	_ = (fs.NodeWriter)((*hangNode)(nil))
)

func (n *hangNode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO | fuse.FOPEN_PARALLEL_DIRECT_WRITES, 0
}

func (n *hangNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Size = hangFileSize
	return 0
}

func (n *hangNode) hang() {
	if n.hangs {
		n.fs.asked.Add(1)
		<-n.fs.let
	}
}

func (n *hangNode) Read(_ context.Context, _ fs.FileHandle, dest []byte, _ int64) (fuse.ReadResult, syscall.Errno) {
	n.hang()
	return fuse.ReadResultData(dest), 0
}

func (n *hangNode) Write(_ context.Context, _ fs.FileHandle, data []byte, _ int64) (uint32, syscall.Errno) {
	n.hang()
	return uint32(len(data)), 0
}
