package fsnode

import (
	"github.com/aiofs/aiofs/ioctx"
	"golang.org/x/sys/unix"
)

// readyEnd is the daemon's end of `ready`: a FIFO that is readable while the ring holds an event, for poll, select and epoll.
type readyEnd struct{ *end }

var _ ioctx.Attachment = readyEnd{}

// Notify puts a byte there if there is none. Where there is one its reader has not looked at the ring yet, since reading comes
// before looking, and will find the event.  (TIOCINQ is FIONREAD.)
func (e readyEnd) Notify() {
	conn, err := e.file.SyscallConn()
	if err != nil {
		return
	}
	conn.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil && n == 0 {
			unix.Write(int(fd), []byte{1})
		}
	})
}

// makeReady has the daemon's end of `ready` open before its LOOKUP is answered, or, where the mount cannot be cloned, soon after.
func (t *tree) makeReady(c *ioctx.Kioctx) error {
	err := t.fifos.ensure(c, kindReady, func(e *end) error { return c.Attach(readyEnd{e}) })
	if err != nil && !t.fifos.cloned() {
		t.fifos.openLate(t.dir, c)
		return nil
	}
	return err
}
