package enginetest

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

var streamTests = []test{
	{"stream read waits", testStreamWaits},
	{"stream read at the end", testStreamEOF},
	{"stream, not to wait", testStreamNowait},
	{"stream write larger than the pipe", testStreamLargeWrite},
	{"stream write vectored", testStreamVectored},
	{"stream write without a reader", testStreamBroken},
	{"stream, both directions", testStreamSocket},
	{"stream, no RWF_NOWAIT", testStreamEventfd},
	{"stream, no poll", testStreamNull},
	{"stream, many readers of one pipe", testStreamManyReaders},
	{"stream, many pipes", testStreamManyPipes},
}

func read(fd int32, buf []byte) engine.Request {
	return engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: fd, Buf: buf, Off: 4096} // an offset means nothing here
}

func write(fd int32, buf []byte) engine.Request {
	r := read(fd, buf)
	r.Op = engine.OpWrite
	return r
}

func testStreamWaits(f *fixture) {
	r, w := f.pipe(0)
	buf := f.memory(100)
	c := f.call(read(r.fd, buf))
	for _, data := range []string{"first", "second, longer"} {
		f.submit(c)
		f.want(0, engine.Request{Op: engine.OpNop})
		if c.Done() {
			f.Fatalf("read of an empty pipe: %s", result(c.Wait()))
		}
		f.write(w, data)
		if res := c.Wait(); res != int64(len(data)) || string(buf[:res]) != data {
			f.Fatalf("read %s %q, want %q", result(res), buf, data)
		}
	}
	f.want(0, read(r.fd, nil))
}

func testStreamEOF(f *fixture) {
	r, w := f.pipe(0)
	waiting := f.call(read(r.fd, f.memory(100)))
	f.submit(waiting)
	w.close()
	if res := waiting.Wait(); res != 0 {
		f.Fatalf("%s at the end, want 0", result(res))
	}
	f.want(0, read(r.fd, f.memory(100)))
}

func testStreamNowait(f *fixture) {
	r, w := f.pipe(4096)
	buf := f.memory(8192)
	nowait := read(r.fd, buf)
	nowait.RWF = unix.RWF_NOWAIT
	if res := f.do(nowait); res == errno(unix.EOPNOTSUPP) {
		f.Log("this kernel's pipes do not know RWF_NOWAIT") // before Linux 6.4
	} else if res != errno(unix.EAGAIN) {
		f.Fatalf("%s, want EAGAIN", result(res))
	}
	if err := unix.SetNonblock(int(r.fd), true); err != nil {
		f.Fatal(err)
	}
	if err := unix.SetNonblock(int(w.fd), true); err != nil {
		f.Fatal(err)
	}
	f.want(errno(unix.EAGAIN), read(r.fd, buf))
	f.want(4096, write(w.fd, buf))
	f.want(errno(unix.EAGAIN), write(w.fd, buf))
	f.want(4096, read(r.fd, buf))
}

// A write is a blocking one: it ends when everything is written.
func testStreamLargeWrite(f *fixture) {
	r, w := f.pipe(4096)
	const size = 300000
	buf := f.memory(size)
	for i := range buf {
		buf[i] = pattern(i)
	}
	c := f.call(write(w.fd, buf))
	f.submit(c)
	got := f.drain(r, size)
	if res := c.Wait(); res != size {
		f.Fatalf("wrote %s, want %d", result(res), size)
	}
	f.wantPattern(got, 0)
}

// drain reads n bytes from a pipe.
func (f *fixture) drain(r *end, n int) []byte {
	f.Helper()
	var got []byte
	b := make([]byte, 4096)
	f.promptly("reading the pipe", func() {
		for len(got) < n {
			m, err := unix.Read(int(r.fd), b[:min(len(b), n-len(got))])
			if err == unix.EINTR {
				continue
			}
			if err != nil || m == 0 {
				f.Errorf("read: %d, %v", m, err)
				return
			}
			got = append(got, b[:m]...)
		}
	})
	return got
}

func testStreamVectored(f *fixture) {
	r, w := f.pipe(4096)
	buf := f.memory(30000)
	for i := range buf {
		buf[i] = pattern(i)
	}
	c := f.call(write(w.fd, nil))
	c.Iov = [][]byte{nil, buf[:1], buf[1:5000], nil, buf[5000:5003], buf[5003:]}
	f.submit(c)
	got := f.drain(r, 20000)
	rest := f.memory(10000)
	for n := 0; n < len(rest); {
		in := f.call(read(r.fd, nil))
		in.Iov = [][]byte{rest[n:min(n+7, len(rest))], rest[min(n+7, len(rest)):]}
		f.submit(in)
		res := in.Wait()
		if res <= 0 {
			f.Fatalf("read: %s", result(res))
		}
		n += int(res)
	}
	if res := c.Wait(); res != 30000 {
		f.Fatalf("wrote %s", result(res))
	}
	f.wantPattern(append(got, rest...), 0)
}

func testStreamBroken(f *fixture) {
	r, w := f.pipe(4096)
	buf := f.memory(10000)
	c := f.call(write(w.fd, buf))
	f.submit(c)
	f.drain(r, 1)
	f.eventually("the write is under way", func() bool { return unread(r) > 0 })
	r.close()
	// Some of it went into the pipe, so that is the result.
	if res := c.Wait(); res <= 0 || res > 8192 {
		f.Fatalf("%s, want what the pipe took", result(res))
	}
	f.want(errno(unix.EPIPE), write(w.fd, buf))
}

// unread is how many bytes a pipe holds.
func unread(r *end) int {
	n, _ := unix.IoctlGetInt(int(r.fd), unix.TIOCINQ)
	return n
}

func testStreamSocket(f *fixture) {
	a, b := f.socketpair()
	const size = 2 << 20
	out, in := f.memory(size), f.memory(size)
	for i := range out {
		out[i] = pattern(i)
	}
	back := f.memory(10)
	reply, send := f.call(read(a.fd, back)), f.call(write(a.fd, out))
	f.submit(reply, send)
	for n := 0; n < size; {
		res := f.do(read(b.fd, in[n:]))
		if res <= 0 {
			f.Fatalf("read: %s", result(res))
		}
		n += int(res)
	}
	if res := send.Wait(); res != size || !bytes.Equal(in, out) {
		f.Fatalf("sent %s of %d, or not the same", result(res), size)
	}
	f.write(b, "reply")
	if res := reply.Wait(); res != 5 || string(back[:5]) != "reply" {
		f.Fatalf("%s %q", result(res), back)
	}
}

// An eventfd waits although it knows no RWF_NOWAIT for a write.
func testStreamEventfd(f *fixture) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		f.Fatal(err)
	}
	e, buf := f.end(fd), f.memory(8)
	in := f.call(read(e.fd, buf))
	f.submit(in)
	f.want(8, write(e.fd, []byte("\x01\x02\x03\x04\x04\x03\x02\x01")))
	if res := in.Wait(); res != 8 || string(buf) != "\x01\x02\x03\x04\x04\x03\x02\x01" {
		f.Fatalf("%s %q", result(res), buf)
	}
}

func testStreamNull(f *fixture) {
	fd, buf := f.open("/dev/null", unix.O_RDWR), f.memory(100)
	f.want(0, read(fd, buf))
	f.want(100, write(fd, buf))
	zero := f.open("/dev/zero", unix.O_RDONLY)
	buf[50] = 1
	f.want(100, read(zero, buf))
	if buf[50] != 0 {
		f.Fatal("not zeroed")
	}
	// Neither RWF_NOWAIT nor poll.
	if res := f.do(read(f.open("/proc/self/stat", unix.O_RDONLY), buf)); res <= 0 {
		f.Fatalf("read of a file in /proc: %s", result(res))
	}
}

// Each byte goes to one reader.
func testStreamManyReaders(f *fixture) {
	r, w := f.pipe(0)
	const readers = 500
	buf := f.memory(readers)
	var calls []*Call
	for i := range readers {
		calls = append(calls, f.call(read(r.fd, buf[i:i+1])))
	}
	f.submit(calls...)
	for i := range readers {
		f.write(w, string([]byte{pattern(i)}))
	}
	var seen, sent [256]int
	for i, c := range calls {
		if res := c.Wait(); res != 1 {
			f.Fatalf("%s, want 1", result(res))
		}
		seen[buf[i]]++
		sent[pattern(i)]++
	}
	if seen != sent {
		f.Fatal("what was read is not what was written")
	}
}

// As many reads as a queue holds wait at once, none of them in the others' way.
func testStreamManyPipes(f *fixture) {
	const pipes = 128
	buf := f.memory(depth)
	rs, ws := make([]*end, pipes), make([]*end, pipes)
	var calls []*Call
	for i := range pipes {
		rs[i], ws[i] = f.pipe(0)
	}
	for i := range depth {
		calls = append(calls, f.call(read(rs[i%pipes].fd, buf[i:i+1])))
	}
	f.submit(calls...)
	other := f.newQueue()
	r, w := f.pipe(0)
	c := f.call(read(r.fd, f.memory(1)))
	f.submitTo(other, c)
	f.write(w, "x")
	if res := c.Wait(); res != 1 {
		f.Fatalf("another queue's read: %s", result(res))
	}
	for i := range pipes {
		f.write(ws[i], string(make([]byte, depth/pipes)))
	}
	for _, c := range calls {
		if res := c.Wait(); res != 1 {
			f.Fatalf("%s, want 1", result(res))
		}
	}
}
