package fsnode

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// rmdir wakes whoever waits, readers and writers, with EINVAL.
func TestRmdirWakesWaiters(t *testing.T) {
	m := newMount(t)
	fullContext(t, m)
	if err := os.Mkdir(m.path("ctx/2"), 0o700); err != nil {
		t.Fatal(err)
	}
	var clients []*client
	for range 3 {
		r := m.sh(t, "sh", `exec cat ctx/2/events`)
		r.waitsIn(unix.SYS_READ, "events")
		w := m.sh(t, "bash", `echo noop >ctx/1/submit`)
		w.waitsIn(unix.SYS_WRITE, "submit")
		clients = append(clients, r, w)
	}
	if out := m.sh(t, "sh", `rmdir ctx/1 ctx/2; ls ctx`).wait(); out != "new\n" {
		t.Errorf("left: %q", out)
	}
	for _, c := range clients {
		if _, errs, ok := c.result(); ok || !strings.Contains(errs, "Invalid argument") {
			t.Errorf("%v %q", ok, errs)
		}
	}
}

// So does the last close of new.
func TestLastCloseOfNewWakesWaiters(t *testing.T) {
	m := newMount(t)
	f, err := os.Open(m.path("ctx/new"))
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	n, _ := f.Read(b)
	c := m.sh(t, "sh", `exec cat ctx/`+strings.TrimSpace(string(b[:n]))+`/events`)
	c.waitsIn(unix.SYS_READ, "events")
	f.Close()
	if _, errs, ok := c.result(); ok || !strings.Contains(errs, "Invalid argument") {
		t.Errorf("%v %q", ok, errs)
	}
}

// A write to files that waits for an open that hangs locks nobody out, and ends with a signal.
func TestHungOpenLocksNobodyOut(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	hung := mountHangFS(t)
	waiting := m.sh(t, "sh", `echo "open 1 `+hung+`/file" >ctx/1/files`)
	waiting.waitsIn(unix.SYS_WRITE, "files")
	got := m.sh(t, "sh", `cd ctx/1; echo 'open 2 open=rdonly /dev/null' >files && echo 'close 2' >>files && cat files && echo fine`).wait()
	if got != "fine\n" || !waiting.running() {
		t.Errorf("%q, still waiting: %v", got, waiting.running())
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := waiting.result(); ok {
		t.Error("the waiting write ended well")
	}
}

// hangFS has one file, whose open hangs until the test lets go.
type hangFS struct {
	fs.Inode
	release chan struct{}
}

func (h *hangFS) Lookup(ctx context.Context, _ string, _ *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return h.NewInode(ctx, &hangFS{release: h.release}, fs.StableAttr{Mode: syscall.S_IFREG}), 0
}

func (h *hangFS) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	<-h.release
	return nil, 0, syscall.EIO
}

func mountHangFS(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	h := &hangFS{release: make(chan struct{})}
	opts := &fs.Options{MountOptions: fuse.MountOptions{FsName: testFsName, Name: "aiofs", DirectMount: isRoot(), DisableSplice: true}}
	srv, err := fs.Mount(dir, h, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(h.release)
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		srv.Wait()
	})
	return dir
}
