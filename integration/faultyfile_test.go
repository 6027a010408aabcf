package integration

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/aiofs/aiofs/integration/internal/client"
)

// A faultyFile is in two halves of faultyHalf bytes, in blocks that each have a fault of their own. The first half is read: byte i is
// that of client.Pattern. The second is written, and reads without faults as what was written there, else as zeros.
type faultyFile struct {
	fs.Inode
	released chan struct{}

	mu      sync.Mutex
	written []byte // guarded by mu; the second half
}

const (
	faultyBlock = 4096
	faultyHalf  = 4 << 20
)

// fault is what a block does to those who touch it.
type fault int

const (
	noFault fault = iota
	faultEIO
	faultENOSPC
	faultShort // goes only up to the middle; what begins behind it reads nothing, and writes ENOSPC
	faultDelay
	faultHang // until the file system is told to end
)

func (f fault) String() string {
	return [...]string{"none", "EIO", "ENOSPC", "short", "delay", "hang"}[f]
}

// Writes to one regular file are done by io_uring one after another, so none of them hangs here: see the file "write".
var (
	readFaults  = []fault{noFault, noFault, faultEIO, noFault, faultShort, noFault, faultDelay, faultHang}
	writeFaults = []fault{noFault, faultEIO, noFault, faultShort, faultENOSPC, noFault, faultDelay}
)

// faultyAnswer is what becomes of n bytes at off: how many go, or errno, and what was met on the way there.
func faultyAnswer(write bool, off int64, n int) (count int, errno syscall.Errno, met []fault) {
	faults := readFaults
	if write {
		faults = writeFaults
	}
	for count < n {
		pos := off + int64(count)
		in := int(pos % faultyBlock)
		rest := min(n-count, faultyBlock-in)
		f := faults[pos/faultyBlock%int64(len(faults))]
		met = append(met, f)
		switch {
		case f == faultEIO:
			errno = syscall.EIO
		case f == faultENOSPC, f == faultShort && write && in >= faultyBlock/2:
			errno = syscall.ENOSPC
		case f == faultShort:
			return count + min(rest, max(faultyBlock/2-in, 0)), 0, met
		default:
			count += rest
			continue
		}
		if count > 0 { // the fault is for those who go on from here
			errno = 0
		}
		return count, errno, met
	}
	return count, 0, met
}

var (
	_ = (fs.NodeGetattrer)((*faultyFile)(nil))
	_ = (fs.NodeOpener)((*faultyFile)(nil))
	_ = (fs.NodeReader)((*faultyFile)(nil))
	_ = (fs.NodeWriter)((*faultyFile)(nil))
)

func newFaultyFile(released chan struct{}) *faultyFile {
	return &faultyFile{released: released, written: make([]byte, faultyHalf)}
}

func (f *faultyFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o666, 2*faultyHalf
	return 0
}

// Open lets no page cache stand between, and one write not wait for another.
func (f *faultyFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO | fuse.FOPEN_PARALLEL_DIRECT_WRITES, 0
}

func (f *faultyFile) Read(_ context.Context, _ fs.FileHandle, dst []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if off >= faultyHalf {
		f.mu.Lock()
		defer f.mu.Unlock()
		return fuse.ReadResultData(dst[:copy(dst, f.written[off-faultyHalf:])]), 0
	}
	n, errno, met := faultyAnswer(false, off, len(dst))
	f.wait(met)
	return fuse.ReadResultData(client.Pattern(off, n)), errno
}

func (f *faultyFile) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if off < faultyHalf {
		return 0, syscall.EROFS
	}
	n, errno, met := faultyAnswer(true, off, len(data))
	f.wait(met)
	f.mu.Lock()
	defer f.mu.Unlock()
	copy(f.written[off-faultyHalf:], data[:n])
	return uint32(n), errno
}

func (f *faultyFile) wait(met []fault) {
	for _, fault := range met {
		switch fault {
		case faultDelay:
			<-time.After(rand.N(20 * time.Millisecond))
		case faultHang:
			<-f.released
		}
	}
}
