package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// hangFS is a file system of another process: reads of "read", writes to "write" and opens of "open" are never answered, interrupted or
// not, before SIGTERM; a second one ends it at once. fsync of "fsync" gives EIO. "faulty" is a faultyFile.
type hangFS struct {
	dir  string
	proc *harness.Process
}

func mountHangFS(t *testing.T) *hangFS {
	t.Helper()
	testenv.NeedFuse(t)
	h := &hangFS{dir: t.TempDir()}
	cmd := exec.Command("/proc/self/exe", h.dir)
	cmd.Env = append(os.Environ(), harness.RoleEnv+"=hangfs")
	h.proc = harness.Start(t, cmd)
	t.Cleanup(func() {
		h.proc.Signal(syscall.SIGKILL)
		harness.Abort(h.dir)
	})
	h.proc.Says(t, "mounted")
	return h
}

// hung waits until n calls hang.
func (h *hangFS) hung(t *testing.T, n int) {
	t.Helper()
	testenv.Eventually(t, fmt.Sprint(n, " calls hanging"), func() bool { return strings.Count(h.proc.Said.String(), "hangs") >= n })
}

// release answers all that hangs, and ends it.
func (h *hangFS) release(t *testing.T) {
	t.Helper()
	h.proc.Signal(syscall.SIGTERM)
	if !h.proc.Ends(testenv.Patience) {
		t.Fatal("the file system that hangs does not end")
	}
}

func (h *hangFS) path(name string) string { return filepath.Join(h.dir, name) }

// serveHangFS is the process: it mounts on args[0].
func serveHangFS(args []string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	released := make(chan struct{})
	root := &fs.Inode{}
	server, err := fs.Mount(args[0], root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMount: true, FsName: "hang", Name: "hang"},
		OnAdd: func(ctx context.Context) {
			add := func(name string, file fs.InodeEmbedder) {
				root.AddChild(name, root.NewPersistentInode(ctx, file, fs.StableAttr{Mode: syscall.S_IFREG}), false)
			}
			for _, name := range []string{"open", "read", "write", "fsync"} {
				add(name, &hangFile{name: name, released: released})
			}
			add("faulty", newFaultyFile(released))
		},
	})
	if err != nil {
		return err
	}
	fmt.Println("mounted")
	<-signals
	close(released)
	if err := syscall.Unmount(args[0], syscall.MNT_DETACH); err != nil {
		return server.Unmount()
	}
	gone := make(chan struct{})
	go func() {
		server.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-signals: // a mount namespace that was made meanwhile may have a copy, and keep it
	}
	return nil
}

type hangFile struct {
	fs.Inode
	name     string
	released chan struct{}
}

var (
	_ = (fs.NodeGetattrer)((*hangFile)(nil))
	_ = (fs.NodeOpener)((*hangFile)(nil))
	_ = (fs.NodeReader)((*hangFile)(nil))
	_ = (fs.NodeWriter)((*hangFile)(nil))
	_ = (fs.NodeFsyncer)((*hangFile)(nil))
)

func (f *hangFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o666, 4096
	return 0
}

// hang returns when the file system is told to end.
func (f *hangFile) hang() {
	fmt.Println("hangs in", f.name)
	<-f.released
}

func (f *hangFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if f.name == "open" {
		f.hang()
	}
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (f *hangFile) Read(_ context.Context, _ fs.FileHandle, dst []byte, _ int64) (fuse.ReadResult, syscall.Errno) {
	f.hang()
	return fuse.ReadResultData(dst[:0]), 0
}

func (f *hangFile) Write(_ context.Context, _ fs.FileHandle, data []byte, _ int64) (uint32, syscall.Errno) {
	f.hang()
	return uint32(len(data)), 0
}

func (f *hangFile) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return syscall.EIO }
