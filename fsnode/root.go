package fsnode

import (
	"context"
	_ "embed"
	"slices"
	"strconv"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

//go:embed README.txt
var readme []byte

// root is the mount point.
type root struct{ dir }

var (
	_ = (fs.NodeLookuper)((*root)(nil))
	_ = (fs.NodeOpendirHandler)((*root)(nil))
)

func newRoot(t *tree) *root {
	return &root{dir{node{attrs: t.attrs(0o755)}}}
}

// rootFile is one entry of the root. All of them are the mounter's and last as long as the mount.
type rootFile struct {
	name string
	kind kind
	typ  uint32
	make func(*tree) fs.InodeEmbedder
}

var rootFiles = []rootFile{
	{"README", kindReadme, syscall.S_IFREG, newReadme},
	{"aio-nr", kindAioNr, syscall.S_IFREG, newAioNr},
	{"aio-max-nr", kindAioMaxNr, syscall.S_IFREG, newAioMaxNr},
	{"metrics", kindMetrics, syscall.S_IFREG, newMetrics},
	{"ctx", kindContexts, syscall.S_IFDIR, newContexts},
}

func (r *root) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if name == hiddenName && isDaemon(ctx) {
		return r.enter(ctx, newHidden(r.tree), stable(0, kindHidden, syscall.S_IFDIR), out)
	}
	i := slices.IndexFunc(rootFiles, func(f rootFile) bool { return f.name == name })
	if i < 0 {
		return nil, syscall.ENOENT
	}
	f := rootFiles[i]
	out.SetEntryTimeout(keep)
	return r.enter(ctx, f.make(r.tree), stable(0, f.kind, f.typ), out)
}

func (r *root) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return &listing{list: listRoot}, 0, 0
}

func listRoot() []fuse.DirEntry {
	var entries []fuse.DirEntry
	for _, f := range rootFiles {
		entries = append(entries, fuse.DirEntry{Name: f.name, Mode: f.typ, Ino: ino(0, f.kind)})
	}
	return entries
}

// newReadme is README: the interface on one page.
func newReadme(t *tree) fs.InodeEmbedder {
	v := newValue(t, 0o444, func() []byte { return readme })
	v.size = uint64(len(readme))
	return v
}

// newAioNr is aio-nr, as /proc/sys/fs/aio-nr: a read-only single value, the events reserved by all contexts.
func newAioNr(t *tree) fs.InodeEmbedder {
	return newValue(t, 0o444, func() []byte { return number(t.table.AioNr()) })
}

// newAioMaxNr is aio-max-nr: a read-write single value, the limit of aio-nr. Contexts that are over a lowered limit stay.
func newAioMaxNr(t *tree) fs.InodeEmbedder {
	v := newValue(t, 0o644, func() []byte { return number(t.table.AioMaxNr()) })
	v.set = func(p []byte) error {
		n, err := parseNumber(p)
		if err == nil {
			t.table.SetAioMaxNr(n)
		}
		return err
	}
	return v
}

// number is a value and its newline.
func number(n uint64) []byte { return append(strconv.AppendUint(nil, n, 10), '\n') }

// parseNumber reads a decimal number with one newline behind it or none. EINVAL.
func parseNumber(p []byte) (uint64, error) {
	if len(p) > 0 && p[len(p)-1] == '\n' {
		p = p[:len(p)-1]
	}
	n, err := strconv.ParseUint(string(p), 10, 64)
	if err != nil {
		return 0, syscall.EINVAL
	}
	return n, nil
}
