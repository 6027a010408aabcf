package enginetest

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

var hangTests = []test{
	{"hang, others go on", testHangOthers},
	{"hang, a hundred of five hundred", testHangSome},
	{"hang, cancel what is queued", testHangCancel},
}

// hangs makes n reads that hang until Release.
func (f *fixture) hangs(h *HangFS, n int) []*Call {
	fd, buf := h.Open(f, "hang"), f.memory(n)
	calls := make([]*Call, n)
	for i := range calls {
		calls[i] = f.call(engine.Request{Op: engine.OpRead, Class: engine.ClassHang, FD: fd, Buf: buf[i : i+1]})
	}
	return calls
}

func (f *fixture) release(h *HangFS, calls []*Call) {
	f.Helper()
	h.Release()
	for _, c := range calls {
		if res := c.Wait(); res != 1 {
			f.Fatalf("%s: %s, want 1", describe(&c.Request), result(res))
		}
	}
}

// However many reads of one queue hang, its local reads go on, and everything of another queue does.
func testHangOthers(f *fixture) {
	h := NewHangFS(f)
	hung := f.hangs(h, 2000)
	f.submit(hung...)
	f.eventually("reads hang", func() bool { return h.Hanging() > 0 })

	fd, buf := f.file(100*block, unix.O_RDWR), f.memory(100*block)
	live := engine.Request{Op: engine.OpRead, Class: engine.ClassHang, FD: h.Open(f, "live"), Buf: f.memory(16)}
	r, w := f.pipe(0)
	for _, q := range []engine.Queue{f.queue, f.newQueue()} {
		var local []*Call
		for i := range 100 {
			local = append(local, f.call(engine.Request{Op: engine.OpRead, FD: fd, Off: int64(i * block), Buf: buf[i*block:][:block]}))
		}
		stream := f.call(read(r.fd, f.memory(1)))
		f.submitTo(q, append(local, stream)...)
		for _, c := range local {
			if res := c.Wait(); res != block {
				f.Fatalf("%s: %s, want %d", describe(&c.Request), result(res), block)
			}
		}
		f.write(w, "x")
		if res := stream.Wait(); res != 1 {
			f.Fatalf("stream: %s", result(res))
		}
		if q != f.queue {
			c := f.call(live)
			f.submitTo(q, c)
			if res := c.Wait(); res != 16 {
				f.Fatalf("a live file of the same class: %s", result(res))
			}
		}
	}
	f.release(h, hung)
}

// One queue reads 500 files of which 100 hang, and gets the rest.
func testHangSome(f *fixture) {
	h := NewHangFS(f)
	hung := f.hangs(h, 100)
	fd, buf := h.Open(f, "live"), f.memory(400)
	var live, mixed []*Call
	for i := range 400 {
		c := f.call(engine.Request{Op: engine.OpRead, Class: engine.ClassHang, FD: fd, Buf: buf[i : i+1]})
		live = append(live, c)
		if i%4 == 0 {
			mixed = append(mixed, hung[i/4])
		}
		mixed = append(mixed, c)
	}
	f.submit(mixed...)
	for _, c := range live {
		if res := c.Wait(); res != 1 {
			f.Fatalf("a live file: %s", result(res))
		}
	}
	f.eventually("the others hang", func() bool { return h.Hanging() == 100 })
	f.release(h, hung)
}

// What has not begun is canceled at once, while the rest hangs.
func testHangCancel(f *fixture) {
	h := NewHangFS(f)
	hung := f.hangs(h, 2000) // of which an engine begins some hundreds, however long it has
	f.submit(hung...)
	f.eventually("reads hang", func() bool { return h.Hanging() > 0 })
	f.cancel(hung...)
	over := func() (n int) {
		for _, c := range hung {
			if c.Done() {
				n++
			}
		}
		return n
	}
	f.eventually("two thirds are canceled", func() bool { return over() >= len(hung)*2/3 })
	h.Release()
	for _, c := range hung {
		if res := c.Wait(); res != 1 && res != errno(unix.ECANCELED) && res != errno(unix.EINTR) {
			f.Fatalf("%s: %s", describe(&c.Request), result(res))
		}
	}
}
