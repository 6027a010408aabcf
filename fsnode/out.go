package fsnode

import (
	"context"
	"strconv"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// outDir is out/: a file for each text read that has brought its bytes. rm gives the memory back.
type outDir struct {
	dir
	kioctx *ioctx.Kioctx
}

var (
	_ = (fs.NodeLookuper)((*outDir)(nil))
	_ = (fs.NodeUnlinker)((*outDir)(nil))
	_ = (fs.NodeOpendirHandler)((*outDir)(nil))
)

func newOut(a attrs, c *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o700
	return &outDir{dir{node{attrs: a}}, c}
}

// parseTag reads the name of a file in out/: decimal without leading zeros, below 2^64.
func parseTag(name string) (uint64, bool) {
	tag, err := strconv.ParseUint(name, 10, 64)
	return tag, err == nil && strconv.FormatUint(tag, 10) == name
}

// outIno is the inode number of out/TAG. Tags have as many bits as inode numbers, so two files may share one; each LOOKUP makes
// an inode of its own, so nothing but st_ino is the same then. The highest bit keeps apart from the numbers of ino, and the
// lowest from 2^64-1, which go-fuse keeps for itself.
func outIno(serial, tag uint64) uint64 {
	const golden = 0x9e3779b97f4a7c15 // spreads what differs in a few low bits
	return 1<<63 | (serial*golden+tag)*golden>>1&^1
}

func (d *outDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	tag, ok := parseTag(name)
	if !ok || d.kioctx.Dead() {
		return nil, syscall.ENOENT
	}
	n := &outFile{node{attrs: attrs{tree: d.tree, owner: d.owner, perm: 0o400}}, d.kioctx, tag}
	return d.enter(ctx, n, d.tree.fresh(outIno(d.kioctx.Serial(), tag)), out)
}

func (d *outDir) Unlink(_ context.Context, name string) syscall.Errno {
	tag, ok := parseTag(name)
	if !ok {
		return syscall.ENOENT
	}
	return errnoOf(d.kioctx.RemoveOut(tag))
}

func (d *outDir) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return &listing{list: d.list}, 0, 0
}

func (d *outDir) list() []fuse.DirEntry {
	var entries []fuse.DirEntry
	for _, tag := range d.kioctx.OutTags() {
		name := strconv.FormatUint(tag, 10)
		entries = append(entries, fuse.DirEntry{Name: name, Mode: syscall.S_IFREG, Ino: outIno(d.kioctx.Serial(), tag)})
	}
	return entries
}

// outFile is out/TAG: read-only, what a text pread brought.
type outFile struct {
	node
	kioctx *ioctx.Kioctx
	tag    uint64
}

var (
	_ = (fs.NodeGetattrer)((*outFile)(nil))
	_ = (fs.NodeOpener)((*outFile)(nil))
)

// Getattr is ENOENT once the file was removed and nobody has it open.
func (n *outFile) Getattr(_ context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.fill(&out.Attr)
	if h, ok := f.(*outHandle); ok {
		out.Size = uint64(h.out.Size())
		return 0
	}
	size, err := n.kioctx.OutSize(n.tag)
	out.Size = uint64(size)
	return errnoOf(err)
}

func (n *outFile) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.allows(flags); errno != 0 {
		return nil, 0, errno
	}
	o, err := n.kioctx.Out(n.tag)
	if err != nil {
		return nil, 0, errnoOf(err)
	}
	h := &outHandle{n.tree, o}
	n.tree.handles.add(h)
	return h, openFile, 0
}

// outHandle is an open out/TAG; it keeps the bytes after rm.
type outHandle struct {
	tree *tree
	out  *ioctx.Out
}

var (
	_ = (fs.FileReader)((*outHandle)(nil))
	_ = (fs.FileReleaser)((*outHandle)(nil))
)

// Read is EINVAL after the kill.
func (h *outHandle) Read(_ context.Context, dst []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, err := h.out.ReadAt(dst, off)
	if err != nil {
		return nil, errnoOf(err)
	}
	return fuse.ReadResultData(dst[:n]), 0
}

func (h *outHandle) Release(context.Context) syscall.Errno {
	h.tree.handles.release(h)
	return 0
}

func (h *outHandle) close() { h.out.Put() }
