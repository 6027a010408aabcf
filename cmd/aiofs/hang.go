package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// hangCommand, a command the help does not name, serves the demo's file system whose reads never answer. It is a process
// of its own, so that killing it ends whatever hangs there.
const hangCommand = "demo-hang"

// hang mounts N files on DIR, says so and what hangs on stdout, and serves until a signal: then what hung gets EIO.
func hang(args []string, stdout io.Writer) error {
	if len(args) != 2 {
		return failf(exitUsage, "%s is a part of the demo", hangCommand)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return failf(exitUsage, "%s is a part of the demo", hangCommand)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	root := &hangRoot{files: n, log: stdout, release: make(chan struct{})}
	_, err = fs.Mount(args[0], root, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMount: true, FsName: "hang", Name: "hang", DisableXAttrs: true,
	}})
	if err != nil {
		return failf(exitMount, "the file system that hangs cannot be mounted: %w", err)
	}
	fmt.Fprintln(stdout, "mounted")
	<-signals
	close(root.release)
	return detachMount(args[0])
}

// hangRoot is the directory: files named hung000 and up.
type hangRoot struct {
	fs.Inode
	files   int
	log     io.Writer
	release chan struct{} // closed when the reads may answer
}

// hangFile opens at once and answers a read only when released, interrupted or not.
type hangFile struct {
	fs.Inode
	name    string
	log     io.Writer
	release chan struct{}
}

var (
	_ = (fs.NodeOnAdder)((*hangRoot)(nil))
	_ = (fs.NodeGetattrer)((*hangFile)(nil))
	_ = (fs.NodeOpener)((*hangFile)(nil))
	_ = (fs.NodeReader)((*hangFile)(nil))
)

func (r *hangRoot) OnAdd(ctx context.Context) {
	for i := range r.files {
		f := &hangFile{name: fmt.Sprintf("hung%03d", i), log: r.log, release: r.release}
		r.AddChild(f.name, r.NewPersistentInode(ctx, f, fs.StableAttr{Mode: syscall.S_IFREG}), false)
	}
}

func (f *hangFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o444, 4096
	return 0
}

func (f *hangFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (f *hangFile) Read(context.Context, fs.FileHandle, []byte, int64) (fuse.ReadResult, syscall.Errno) {
	fmt.Fprintf(f.log, "%s hangs\n", f.name)
	<-f.release
	return nil, syscall.EIO
}
