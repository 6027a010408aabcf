package enginetest

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/cred"
	"github.com/aiofs/aiofs/ring/testenv"
)

var rightsTests = []test{
	{"rights, a write clears the setuid bit", testSetuidCleared},
	{"rights, that cannot be had", testNoSuchRights},
}

// NeedsUsers ends a test where the credentials of others cannot be taken.
func NeedsUsers(t testing.TB) {
	t.Helper()
	if !cred.Switchable() {
		testenv.Lacks(t, "needs CAP_SETUID and CAP_SETGID")
	}
}

// setuid says whether a file has the setuid bit, and sets it.
func (f *fixture) setuid(fd int32) bool {
	f.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		f.Fatal(err)
	}
	if err := unix.Fchmod(int(fd), 0o4755); err != nil {
		f.Fatal(err)
	}
	return st.Mode&unix.S_ISUID != 0
}

// What is written with rights that do not include CAP_FSETID takes the setuid bit off, whoever opened the file, however it is
// written, and also when the daemon itself writes in between.
func testSetuidCleared(f *fixture) {
	NeedsUsers(f)
	user, err := f.engine.NewQueue(depth, engine.Client{Cred: &cred.Cred{UID: 1234, GID: 1234}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(user.Close)
	for _, flags := range []int{unix.O_RDWR, unix.O_RDWR | unix.O_DIRECT} {
		fd, mem := f.file(4096, flags), f.memory(4096)
		for _, class := range []engine.Class{engine.ClassLocal, engine.ClassHang, engine.ClassLocal} {
			for q, kept := range map[engine.Queue]bool{user: false, f.queue: true} {
				f.setuid(fd)
				c := f.call(engine.Request{Op: engine.OpWrite, Class: class, FD: fd, Buf: mem})
				f.submitTo(q, c)
				res := c.Wait()
				if flags&unix.O_DIRECT != 0 && res == errno(unix.EINVAL) {
					f.Skip("no O_DIRECT here")
				}
				if got := f.setuid(fd); res != 4096 || got != kept {
					f.Errorf("class %d, flags %#x: %s, the bit is kept: %v, want %v", class, flags, result(res), got, kept)
				}
			}
		}
	}
}

// Either there is no queue, or each request says why.
func testNoSuchRights(f *fixture) {
	NeedsUsers(f)
	q, err := f.engine.NewQueue(depth, engine.Client{Cred: &cred.Cred{UID: 1234, Groups: make([]uint32, 1<<17)}})
	if err != nil {
		return
	}
	defer q.Close()
	c := f.call(engine.Request{Op: engine.OpWrite, FD: f.file(1, unix.O_RDWR), Buf: f.memory(1)})
	f.submitTo(q, c)
	if res := c.Wait(); res >= 0 {
		f.Errorf("a write with no rights: %s", result(res))
	}
}
