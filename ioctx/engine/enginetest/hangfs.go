package enginetest

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// HangFS is a mounted file system with a file "hang", whose reads are not answered before Release, and a file "live", whose
// reads are answered with zeros at once.
type HangFS struct {
	// Dir is where it is mounted.
	Dir string

	hanging  atomic.Int32
	release  sync.Once
	released chan struct{}
}

// NewHangFS mounts one until the test ends, when it is released. Without the rights to mount, the test is skipped, or
// fails where the environment has CI=true.
func NewHangFS(t testing.TB) *HangFS {
	t.Helper()
	h := &HangFS{Dir: t.TempDir(), released: make(chan struct{})}
	root := &fs.Inode{}
	opts := &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, DisableSplice: true, FsName: "hang"}}
	opts.OnAdd = func(ctx context.Context) {
		for name, file := range map[string]fs.InodeEmbedder{"hang": &hangFile{fs: h, hangs: true}, "live": &hangFile{fs: h}} {
			root.AddChild(name, root.NewPersistentInode(ctx, file, fs.StableAttr{Mode: fuse.S_IFREG}), false)
		}
	}
	server, err := fs.Mount(h.Dir, root, opts)
	if err != nil {
		testenv.Lacks(t, "mount: %v", err)
	}
	t.Cleanup(func() {
		h.Release()
		testenv.Eventually(t, "unmounting", func() bool { return server.Unmount() == nil })
		server.Wait()
	})
	return h
}

// Release answers all reads, those that hang and those to come.
func (h *HangFS) Release() { h.release.Do(func() { close(h.released) }) }

// Hanging is how many reads have arrived and have not been answered.
func (h *HangFS) Hanging() int { return int(h.hanging.Load()) }

// Open opens a file until the test ends.
func (h *HangFS) Open(t testing.TB, name string) int32 {
	t.Helper()
	fd, err := unix.Open(filepath.Join(h.Dir, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return int32(fd)
}

type hangFile struct {
	fs.Inode
	fs    *HangFS
	hangs bool
}

var (
	_ fs.NodeGetattrer = (*hangFile)(nil)
	_ fs.NodeOpener    = (*hangFile)(nil)
	_ fs.NodeReader    = (*hangFile)(nil)
)

// Getattr gives the file a size, for the kernel does not ask for bytes beyond it where a read is asynchronous.
func (*hangFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o444, 1<<20
	return 0
}

// Open lets no page cache stand between a reader and Read.
func (*hangFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read pays no heed to an interrupt.
func (f *hangFile) Read(_ context.Context, _ fs.FileHandle, dest []byte, _ int64) (fuse.ReadResult, syscall.Errno) {
	if f.hangs {
		f.fs.hanging.Add(1)
		<-f.fs.released
		f.fs.hanging.Add(-1)
	}
	return fuse.ReadResultData(make([]byte, len(dest))), 0
}
