package fsnode

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// hidden is the directory by which the daemon reaches the FIFOs of contexts. A name in it is N.INO.
type hidden struct{ dir }

var _ = (fs.NodeLookuper)((*hidden)(nil))

func newHidden(t *tree) fs.InodeEmbedder { return &hidden{dir{node{attrs: t.attrs(0o700)}}} }

func (d *hidden) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	id, number, _ := strings.Cut(name, ".")
	n, ok := parseID(id)
	if !ok {
		return nil, syscall.ENOENT
	}
	c, err := d.tree.table.Lookup(n)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer c.Put()
	for _, k := range []kind{kindReady, kindDoorbell} {
		if number == strconv.FormatUint(ino(c.Serial(), k), 10) {
			return d.enter(ctx, newFifo(attrs{tree: d.tree, owner: c.Owner()}, c), stable(c.Serial(), k, syscall.S_IFIFO), out)
		}
	}
	return nil, syscall.ENOENT
}

// fifo is `ready` or `doorbell`. What is written there never passes the daemon's FUSE side.
type fifo struct{ node }

func newFifo(a attrs, _ *ioctx.Kioctx) fs.InodeEmbedder {
	a.perm = 0o600
	return &fifo{node{attrs: a}}
}

// isDaemon says whether the caller is a thread of this process.
func isDaemon(ctx context.Context) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", callerOf(ctx).Pid))
	return err == nil
}
