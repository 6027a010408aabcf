package fsnode

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx"
	"golang.org/x/sys/unix"
)

// How long the daemon looks for a client to open the other end after a LOOKUP, and how often.
const (
	lateTries = 200
	lateWait  = 5 * time.Millisecond
)

// openLate opens the daemon's end of `ready` by the visible mount, once a client has opened the other one, and closes it when no
// client has: it never keeps a mount busy that is not busy anyway. It is how `ready` works where the mount cannot be cloned.
func (f *fifos) openLate(dir string, c *ioctx.Kioctx) {
	number := ino(c.Serial(), kindReady)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.late == nil { // released
		return
	}
	_, running := f.late[number]
	f.late[number] = true
	if running {
		return
	}
	f.ended.Add(1)
	go func() {
		defer f.ended.Done()
		path := dir + "/ctx/" + strconv.FormatUint(uint64(c.ID()), 10) + "/ready"
		for f.again(number) {
			f.serveLate(path, number, c)
		}
	}()
}

// again says whether there was a LOOKUP since it was asked last.
func (f *fifos) again(number uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.late[number] {
		f.late[number] = false
		return true
	}
	delete(f.late, number)
	return false
}

func (f *fifos) serveLate(path string, number uint64, c *ioctx.Kioctx) {
	tick := time.NewTicker(lateWait)
	defer tick.Stop()
	for range lateTries {
		fd, err := f.openWriter(path)
		if err == syscall.ENXIO { // nobody has it open for reading
			<-tick.C
			continue
		}
		if err != nil {
			return
		}
		e := &end{f, number, os.NewFile(uintptr(fd), "fifo")}
		if f.add(e) && c.Attach(readyEnd{e}) == nil {
			e.awaitReader()
			c.Detach(readyEnd{e})
		}
		e.Close()
		return
	}
}

// openWriter opens the daemon's end. Its LOOKUP is known by its thread, so that it is not taken for a client's, which would have the
// daemon open its end once more, for ever.
func (f *fifos) openWriter(path string) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self := uint32(unix.Gettid())
	f.mu.Lock()
	f.opening[self] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.opening, self)
		f.mu.Unlock()
	}()
	return openat(unix.AT_FDCWD, path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW)
}

// isOpening says whether a LOOKUP is the daemon's own.
func (f *fifos) isOpening(tid uint32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, own := f.opening[tid]
	return own
}

// awaitReader returns when nobody reads the FIFO any more, or the end was closed.
func (e *end) awaitReader() {
	conn, err := e.file.SyscallConn()
	if err != nil {
		return
	}
	conn.Write(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd)}} // POLLERR needs no asking
		n, err := unix.Poll(p, 0)
		return err == nil && n > 0
	})
}
