package enginetest

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

var cancelTests = []test{
	{"cancel poll", testCancelPoll},
	{"cancel stream read", testCancelRead},
	{"cancel stream write", testCancelWrite},
	{"cancel one of several", testCancelOne},
	{"cancel what is over", testCancelOver},
	{"cancel at once", testCancelAtOnce},
	{"cancel a thousand", testCancelMany},
	{"cancel races with a poll", testCancelRacesPoll},
	{"cancel races with a read", testCancelRacesRead},
	{"cancel races with itself", testCancelTwice},
}

func (f *fixture) wantCanceled(c *Call) {
	f.Helper()
	if res := c.Wait(); res != errno(unix.ECANCELED) {
		f.Fatalf("%s: %s, want ECANCELED", describe(&c.Request), result(res))
	}
}

func testCancelPoll(f *fixture) {
	for _, class := range []engine.Class{engine.ClassStream, engine.ClassHang} {
		r, _ := f.pipe(0)
		c := f.call(poll(r.fd, unix.POLLIN))
		c.Class = class
		f.submit(c)
		f.cancel(c)
		f.wantCanceled(c)
	}
}

func testCancelRead(f *fixture) {
	r, w := f.pipe(0)
	c := f.call(read(r.fd, f.memory(10)))
	f.submit(c)
	f.cancel(c)
	f.wantCanceled(c)
	f.write(w, "kept")
	if got := string(f.drain(r, 4)); got != "kept" {
		f.Fatalf("the pipe held %q", got)
	}
}

// A write that has got rid of a part says how much.
func testCancelWrite(f *fixture) {
	r, w := f.pipe(4096)
	c := f.call(write(w.fd, f.memory(20000)))
	f.submit(c)
	got := len(f.drain(r, 4096))
	f.eventually("the pipe is full", func() bool { return unread(r) == 4096 })
	f.cancel(c)
	res := c.Wait()
	if want := int64(got + unread(r)); res != want {
		f.Fatalf("%s, but %d bytes were written", result(res), want)
	}

	full := f.call(write(w.fd, f.memory(20000)))
	f.submit(full)
	f.cancel(full)
	f.wantCanceled(full)
}

func testCancelOne(f *fixture) {
	r, w := f.pipe(0)
	buf := f.memory(3)
	var calls []*Call
	for i := range 3 {
		calls = append(calls, f.call(read(r.fd, buf[i:i+1])), f.call(poll(r.fd, unix.POLLIN)))
	}
	f.submit(calls...)
	f.cancel(calls[0], calls[1])
	f.wantCanceled(calls[0])
	f.wantCanceled(calls[1])
	f.write(w, "abc") // a byte more than the reads take, so that the polls find one
	for _, c := range calls[2:] {
		if res := c.Wait(); res != 1 {
			f.Fatalf("%s: %s, want 1", describe(&c.Request), result(res))
		}
	}
}

// A poll's 1 is POLLIN, a read's is a byte.
var _ = [1]int{}[unix.POLLIN-1]

func testCancelOver(f *fixture) {
	fd, buf := f.file(100, unix.O_RDONLY), f.memory(100)
	r, w := f.pipe(0)
	f.write(w, "x")
	calls := []*Call{
		f.call(engine.Request{Op: engine.OpNop}),
		f.call(engine.Request{Op: engine.OpRead, FD: fd, Buf: buf}),
		f.call(read(r.fd, buf)),
		f.call(poll(w.fd, unix.POLLOUT)),
	}
	for range 10 {
		f.submit(calls...)
		for _, c := range calls {
			if res := c.Wait(); res < 0 {
				f.Fatalf("%s: %s", describe(&c.Request), result(res))
			}
		}
		f.cancel(calls...) // passed over, and no burden on their next use
		f.write(w, "x")
	}
}

// Wherever a request is just after Submit, a cancel finds it.
func testCancelAtOnce(f *fixture) {
	r, w := f.pipe(4096)
	r2, _ := f.pipe(0)
	hang := poll(r2.fd, unix.POLLIN)
	hang.Class = engine.ClassHang
	big := f.memory(8192)
	for range 200 {
		calls := []*Call{f.call(read(r2.fd, big)), f.call(poll(r2.fd, unix.POLLIN)), f.call(hang), f.call(write(w.fd, big))}
		f.submit(calls...)
		f.cancel(calls...)
		for _, c := range calls[:3] {
			f.wantCanceled(c)
		}
		if res := calls[3].Wait(); res != errno(unix.ECANCELED) {
			f.drain(r, int(res))
		}
		if n := unread(r); n != 0 {
			f.Fatalf("the pipe holds %d bytes that no result speaks of", n)
		}
	}
}

func testCancelMany(f *fixture) {
	var calls []*Call
	buf := f.memory(1)
	for range 64 {
		r, _ := f.pipe(0)
		for range depth / 128 {
			calls = append(calls, f.call(read(r.fd, buf)), f.call(poll(r.fd, unix.POLLIN)))
		}
	}
	f.submit(calls...)
	f.cancel(calls...)
	for _, c := range calls {
		f.wantCanceled(c)
	}
}

func testCancelRacesPoll(f *fixture) {
	r, w := f.pipe(0)
	c := f.call(poll(r.fd, unix.POLLIN))
	for range 1000 {
		f.submit(c)
		f.both(func() { unix.Write(int(w.fd), []byte("x")) }, func() { f.cancel(c) })
		if res := c.Wait(); res != unix.POLLIN && res != errno(unix.ECANCELED) {
			f.Fatalf("%s, want POLLIN or ECANCELED", result(res))
		}
		f.drain(r, 1)
	}
}

// both runs a and b at the same time.
func (f *fixture) both(a, b func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		a()
	}()
	b()
	<-done
}

// A read that is canceled has not taken a byte.
func testCancelRacesRead(f *fixture) {
	r, w := f.pipe(0)
	c := f.call(read(r.fd, f.memory(1)))
	for range 1000 {
		f.submit(c)
		f.both(func() { unix.Write(int(w.fd), []byte("x")) }, func() { f.cancel(c) })
		switch res := c.Wait(); res {
		case 1:
		case errno(unix.ECANCELED):
			f.drain(r, 1)
		default:
			f.Fatalf("%s, want 1 or ECANCELED", result(res))
		}
		if n := unread(r); n != 0 {
			f.Fatalf("%d bytes are left", n)
		}
	}
}

func testCancelTwice(f *fixture) {
	r, _ := f.pipe(0)
	buf := f.memory(1)
	for range 200 {
		calls := []*Call{f.call(read(r.fd, buf)), f.call(poll(r.fd, unix.POLLIN)), f.call(read(r.fd, buf))}
		f.submit(calls...)
		f.both(func() { f.cancel(calls...) }, func() { f.cancel(calls[2], calls[1], calls[0]) })
		for _, c := range calls {
			f.wantCanceled(c)
		}
	}
}
