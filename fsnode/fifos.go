package fsnode

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx"
	"golang.org/x/sys/unix"
)

// fifos opens the daemon's own ends of the FIFOs of contexts, `ready` and `doorbell`.
//
// Opening a FIFO never reaches the daemon, only its LOOKUP does. So its end is opened while that LOOKUP waits for its answer, by
// another path to the same inode: a directory without a name in the tree that nobody but the daemon finds, below a clone of the
// mount that lies nowhere. The visible mount is not kept busy by it, and the kernel, which holds the lock of the context's
// directory for the client's LOOKUP, takes no lock for it that somebody may wait for under that one.
type fifos struct {
	mu      sync.Mutex
	clone   int                 // the clone's descriptor, with which it ends; guarded by mu
	dir     int                 // O_PATH descriptor of the hidden directory in it; guarded by mu, -1: there is none, or none any more
	open    map[uint64]*end     // guarded by mu, by inode number
	late    map[uint64]bool     // guarded by mu; FIFOs that openLate is at, and whether there was a LOOKUP since it began
	opening map[uint32]struct{} // guarded by mu; threads that open an end late

	stop  int            // eventfd that ends the watch on the mount, -1: there is none
	ended sync.WaitGroup // who reads an end, or opens one late
}

// cloned says whether there is a clone of the mount.
func (f *fifos) cloned() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dir >= 0
}

// errNoFifos is why there is no end: cloning a mount takes CAP_SYS_ADMIN.
var errNoFifos = errors.New("the mount cannot be cloned")

// hiddenName is the hidden directory's name; only the daemon is told that it is there.
const hiddenName = ".fifos"

func newFifos() *fifos {
	return &fifos{dir: -1, clone: -1, stop: -1, open: make(map[uint64]*end), late: make(map[uint64]bool), opening: make(map[uint32]struct{})}
}

// start clones the mount on dir, if it can, and gives the clone up when the mount has gone. The mount answers by now.
func (f *fifos) start(dir string, dev uint64) {
	clone, hidden, err := cloneMount(dir)
	if err != nil {
		return // `ready` is opened late then
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(hidden)
		unix.Close(clone)
		return
	}
	f.mu.Lock()
	f.clone, f.dir = clone, hidden
	f.mu.Unlock()
	f.stop = stop
	f.ended.Add(1)
	go func() {
		defer f.ended.Done()
		defer f.release()
		watch(dev, stop)
	}()
}

// cloneMount is replaced by tests of mounts that cannot be cloned.
var cloneMount = cloneHidden

// cloneHidden clones the mount and opens the hidden directory below the clone. EPERM without CAP_SYS_ADMIN.
func cloneHidden(dir string) (clone, hidden int, err error) {
	clone, err = unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return -1, -1, err
	}
	hidden, err = openat(clone, hiddenName, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		unix.Close(clone)
		return -1, -1, err
	}
	return clone, hidden, nil
}

// openat opens something in the mount, whose LOOKUP any of Go's own signals may interrupt.
func openat(dir int, name string, flags int) (fd int, err error) {
	for {
		if fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0); err != unix.EINTR {
			return fd, err
		}
	}
}

// end gives up what is left, and waits for who has an end. The connection has ended.
func (f *fifos) end() {
	if f.stop >= 0 {
		unix.Write(f.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
	f.release()
	f.ended.Wait()
	if f.stop >= 0 {
		unix.Close(f.stop)
	}
}

// end is the daemon's end of one FIFO. It does not block, and nobody uses its descriptor after the close.
type end struct {
	fifos *fifos
	ino   uint64
	file  *os.File
}

// ensure opens the end of a context's FIFO unless it is open, and passes a new one to use. The FIFO's node is made by the LOOKUP
// that the open is.
func (f *fifos) ensure(c *ioctx.Kioctx, k kind, use func(*end) error) error {
	number := ino(c.Serial(), k)
	f.mu.Lock()
	_, known := f.open[number]
	dir := f.dir
	f.mu.Unlock()
	switch {
	case known:
		return nil
	case dir < 0:
		return errNoFifos
	}
	name := strconv.FormatUint(uint64(c.ID()), 10) + "." + strconv.FormatUint(number, 10)
	// Opened for both ways a FIFO never waits for the other end, and package os leaves out of Go's poller what may block.
	fd, err := openat(dir, name, unix.O_RDWR|unix.O_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("open the daemon's end: %w", err)
	}
	if k == kindDoorbell {
		unix.SetNonblock(fd, true)
	}
	e := &end{f, number, os.NewFile(uintptr(fd), "fifo")}
	// Only what is in the poller can have a deadline. What should be and is not would be read to no end.
	if k == kindDoorbell && e.file.SetDeadline(time.Time{}) != nil {
		e.file.Close()
		return fmt.Errorf("wait for the doorbell: %w", syscall.ENOMEM) // or fs.epoll.max_user_watches is reached
	}
	// Nobody waits for `ready` here: in the poller, each byte written would wake up a thread for nothing.
	unix.SetNonblock(fd, true)
	if !f.add(e) {
		e.file.Close()
		return nil
	}
	if err := use(e); err != nil {
		e.Close()
		return err
	}
	return nil
}

// add makes e the FIFO's end; false: there is one, or the mount has gone.
func (f *fifos) add(e *end) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.open[e.ino]; known || f.open == nil {
		return false
	}
	f.open[e.ino] = e
	return true
}

// Close gives the end up: a client at the other one is told POLLHUP, or EPIPE.
func (e *end) Close() {
	e.fifos.mu.Lock()
	if e.fifos.open[e.ino] == e {
		delete(e.fifos.open, e.ino)
	}
	e.fifos.mu.Unlock()
	e.file.Close()
}

// release gives up all ends and the clone, without which the superblock ends with the visible mount.
func (f *fifos) release() {
	f.mu.Lock()
	ends, fds := f.open, []int{f.dir, f.clone}
	f.open, f.late, f.dir, f.clone = nil, nil, -1, -1
	f.mu.Unlock()
	for _, e := range ends {
		e.file.Close()
	}
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
