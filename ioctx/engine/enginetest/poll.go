package enginetest

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

var pollTests = []test{
	{"poll, ready", testPollReady},
	{"poll, not ready", testPollNotReady},
	{"poll, hangup", testPollHangup},
	{"poll, regular file", testPollRegular},
	{"poll, shared descriptor", testPollShared},
	{"poll, descriptor reused", testPollReused},
	{"poll, many", testPollMany},
}

func poll(fd int32, events uint32) engine.Request {
	return engine.Request{Op: engine.OpPoll, Class: engine.ClassStream, FD: fd, Events: events}
}

func testPollReady(f *fixture) {
	r, w := f.pipe(0)
	f.want(unix.POLLOUT, poll(w.fd, unix.POLLIN|unix.POLLOUT))
	f.write(w, "x")
	f.want(unix.POLLIN, poll(r.fd, unix.POLLIN|unix.POLLOUT))
	hang := poll(r.fd, unix.POLLIN)
	hang.Class = engine.ClassHang
	f.want(unix.POLLIN, hang)
}

func testPollNotReady(f *fixture) {
	for _, class := range []engine.Class{engine.ClassStream, engine.ClassHang} {
		r, w := f.pipe(0)
		c := f.call(poll(r.fd, unix.POLLIN))
		c.Class = class
		f.waits(c, w)
	}
}

// waits submits c, which polls an empty pipe, and fails the test unless it completes when a byte comes.
func (f *fixture) waits(c *Call, w *end) {
	f.Helper()
	f.submit(c)
	f.want(0, engine.Request{Op: engine.OpNop})
	if c.Done() {
		f.Fatalf("an empty pipe is ready: %s", result(c.Wait()))
	}
	f.write(w, "x")
	if res := c.Wait(); res != unix.POLLIN {
		f.Fatalf("%s, want POLLIN", result(res))
	}
}

func testPollHangup(f *fixture) {
	r, w := f.pipe(0)
	none, in := f.call(poll(r.fd, 0)), f.call(poll(r.fd, unix.POLLIN))
	f.submit(none, in)
	w.close()
	for _, c := range []*Call{none, in} {
		if res := c.Wait(); res != unix.POLLHUP {
			f.Fatalf("%s, want POLLHUP", result(res))
		}
	}
	r, w = f.pipe(0)
	alone := f.call(poll(r.fd, 0))
	f.submit(alone)
	w.close()
	if res := alone.Wait(); res != unix.POLLHUP {
		f.Fatalf("%s, want POLLHUP", result(res))
	}
	r, w = f.pipe(0)
	r.close()
	f.want(unix.POLLOUT|unix.POLLERR, poll(w.fd, unix.POLLOUT))
}

func testPollRegular(f *fixture) {
	fd := f.file(10, unix.O_RDWR)
	for _, class := range []engine.Class{engine.ClassLocal, engine.ClassHang} {
		r := poll(fd, unix.POLLIN|unix.POLLOUT|unix.POLLPRI)
		r.Class = class
		f.want(unix.POLLIN|unix.POLLOUT, r)
		r.Events = unix.POLLPRI
		f.want(errno(unix.EINVAL), r) // as aio_poll: it never will be
	}
}

// Requests for different events of one file, by one descriptor and by two.
func testPollShared(f *fixture) {
	a, b := f.socketpair()
	dup, err := unix.FcntlInt(uintptr(a.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		f.Fatal(err)
	}
	other := f.end(dup)
	in, in2, inDup := f.call(poll(a.fd, unix.POLLIN)), f.call(poll(a.fd, unix.POLLIN)), f.call(poll(other.fd, unix.POLLIN))
	pri := f.call(poll(a.fd, unix.POLLPRI))
	f.submit(in, inDup)
	f.submit(in2)
	f.want(unix.POLLOUT, poll(a.fd, unix.POLLOUT))
	f.want(unix.POLLOUT, poll(other.fd, unix.POLLIN|unix.POLLOUT))
	f.submit(pri)
	if in.Done() || in2.Done() || inDup.Done() || pri.Done() {
		f.Fatal("an empty socket is readable")
	}
	f.write(b, "x")
	for _, c := range []*Call{in, in2, inDup} {
		if res := c.Wait(); res != unix.POLLIN {
			f.Fatalf("%s, want POLLIN", result(res))
		}
	}
	b.close()
	if res := pri.Wait(); res != unix.POLLHUP {
		f.Fatalf("%s, want POLLHUP", result(res))
	}
}

func (f *fixture) socketpair() (a, b *end) {
	f.Helper()
	s, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		f.Fatal(err)
	}
	return f.end(s[0]), f.end(s[1])
}

// A descriptor's number may become another file's as soon as the last request on it is over, whether or not another
// descriptor keeps the first file open.
func testPollReused(f *fixture) {
	r, w := f.pipe(0)
	for i := range 50 {
		c := f.call(poll(r.fd, unix.POLLIN))
		f.submit(c)
		if i%4 < 2 {
			f.cancel(c)
			f.wantCanceled(c)
		} else {
			f.write(w, "x")
			if res := c.Wait(); res != unix.POLLIN {
				f.Fatalf("%s, want POLLIN", result(res))
			}
		}
		if i%2 == 0 {
			kept, err := unix.FcntlInt(uintptr(r.fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				f.Fatal(err)
			}
			f.end(kept)
		}
		r2, w2 := f.pipe(0)
		if err := unix.Dup3(int(r2.fd), int(r.fd), unix.O_CLOEXEC); err != nil {
			f.Fatal(err)
		}
		w = w2
	}
	f.waits(f.call(poll(r.fd, unix.POLLIN)), w)
}

func testPollMany(f *fixture) {
	r, w := f.pipe(0)
	var calls []*Call
	for range 2000 {
		calls = append(calls, f.call(poll(r.fd, unix.POLLIN)))
	}
	f.submit(calls...)
	f.write(w, "x")
	for _, c := range calls {
		if res := c.Wait(); res != unix.POLLIN {
			f.Fatalf("%s, want POLLIN", result(res))
		}
	}
}
