package fsnode

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// tree is what all nodes of one mount have in common.
type tree struct {
	table   *ioctx.Table
	owner   ioctx.Owner // who mounted
	born    time.Time   // the time of every file: none of them is stored
	gen     atomic.Uint64
	dir     string // the mount point
	srv     *fuse.Server
	shares  bool // clients can map buf, ring and sq: set before the mount answers anyone but the daemon
	fifos   *fifos
	handles handles

	forgetter forgetter
}

// attrs are those of a file that is the mounter's.
func (t *tree) attrs(perm uint32) attrs { return attrs{tree: t, owner: t.owner, perm: perm} }

// keep is how long the kernel may cache what never changes: entries and attributes that only an operation passing through
// the kernel can end.
const keep = time.Hour

// kind numbers the files of a directory within its inode numbers.
type kind uint64

const (
	_ kind = iota // 0 would make inode number 0
	kindDir
	kindReadme
	kindAioNr
	kindAioMaxNr
	kindContexts
	kindNew
	kindNrEvents
	kindSubmit
	kindEvents
	kindEventsRaw
	kindCancel
	kindBuf
	kindFiles
	kindOut
	kindStat
	kindInflight
	kindErrorLog
	kindReady
	kindDoorbell
	kindRing
	kindSQ
	kindHidden
	kindMetrics

	kindBits = 5
)

// ino makes the inode number of a file: serial is 0 for files of the mount, else that of their context, which no other
// context ever has.
func ino(serial uint64, k kind) uint64 { return serial<<kindBits | uint64(k) }

// stable is the identity of a file of which there is one, however often it is looked up.
func stable(serial uint64, k kind, typ uint32) fs.StableAttr {
	return fs.StableAttr{Ino: ino(serial, k), Mode: typ}
}

// fresh is the identity of a file that gets an inode for each LOOKUP: the number of the file, and a generation of its own.
func (t *tree) fresh(number uint64) fs.StableAttr {
	return fs.StableAttr{Ino: number, Mode: syscall.S_IFREG, Gen: t.gen.Add(1)}
}
