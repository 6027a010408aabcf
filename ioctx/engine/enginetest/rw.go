package enginetest

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

var rwTests = []test{
	{"nop", func(f *fixture) { f.want(0, engine.Request{Op: engine.OpNop}) }},
	{"read", testRead},
	{"read vectored", testReadVectored},
	{"read at the end", testReadEOF},
	{"write", testWrite},
	{"write vectored", testWriteVectored},
	{"write appending", testWriteAppend},
	{"sync", testSync},
	{"ioprio", testIoprio},
	{"reuse", testReuse},
	{"allocations", testAllocations},
}

func testRead(f *fixture) {
	fd, buf := f.file(100000, unix.O_RDONLY), f.memory(70000)
	for _, off := range []int{0, 1, 4096, 29999} {
		f.want(70000, engine.Request{Op: engine.OpRead, FD: fd, Off: int64(off), Buf: buf})
		f.wantPattern(buf, off)
	}
	f.want(0, engine.Request{Op: engine.OpRead, FD: fd, Off: 5})
}

// wantPattern checks that b is what file put at off.
func (f *fixture) wantPattern(b []byte, off int) {
	f.Helper()
	for i, c := range b {
		if c != pattern(off+i) {
			f.Fatalf("byte %d is %d, want %d", off+i, c, pattern(off+i))
		}
	}
}

func testReadVectored(f *fixture) {
	fd, buf := f.file(100000, unix.O_RDONLY), f.memory(8192)
	iov := [][]byte{buf[:10], nil, buf[10:5000], buf[5000:]}
	f.want(8192, engine.Request{Op: engine.OpRead, FD: fd, Off: 33, Iov: iov})
	f.wantPattern(buf, 33)

	many := make([][]byte, 1024)
	for i := range many {
		many[i] = buf[i*8 : i*8+8]
	}
	f.want(8192, engine.Request{Op: engine.OpRead, FD: fd, Off: 1000, Iov: many})
	f.wantPattern(buf, 1000)
}

func testReadEOF(f *fixture) {
	fd, buf := f.file(1000, unix.O_RDONLY), f.memory(4096)
	f.want(300, engine.Request{Op: engine.OpRead, FD: fd, Off: 700, Buf: buf})
	f.wantPattern(buf[:300], 700)
	f.want(0, engine.Request{Op: engine.OpRead, FD: fd, Off: 1000, Buf: buf})
	f.want(0, engine.Request{Op: engine.OpRead, FD: fd, Off: 1 << 40, Buf: buf})
}

func testWrite(f *fixture) {
	fd, buf := f.file(100, unix.O_RDWR), f.memory(50000)
	for i := range buf {
		buf[i] = byte(i * 3)
	}
	f.want(50000, engine.Request{Op: engine.OpWrite, FD: fd, Off: 60, Buf: buf})
	got := f.readAll(fd)
	f.wantPattern(got[:60], 0)
	if !bytes.Equal(got[60:], buf) {
		f.Fatal("the file is not what was written")
	}
}

// readAll reads a file's first megabyte, by system call.
func (f *fixture) readAll(fd int32) []byte {
	f.Helper()
	b := make([]byte, 1<<20)
	n, err := unix.Pread(int(fd), b, 0)
	if err != nil {
		f.Fatal(err)
	}
	return b[:n]
}

func testWriteVectored(f *fixture) {
	fd := f.file(0, unix.O_RDWR)
	iov := [][]byte{[]byte("vec"), nil, []byte("tor"), []byte("ed")}
	f.want(8, engine.Request{Op: engine.OpWrite, FD: fd, Off: 2, Iov: iov})
	if got := string(f.readAll(fd)); got != "\x00\x00vectored" {
		f.Fatalf("the file is %q", got)
	}
}

func testWriteAppend(f *fixture) {
	fd := f.file(10, unix.O_RDWR)
	f.want(4, engine.Request{Op: engine.OpWrite, FD: fd, RWF: unix.RWF_APPEND, Buf: []byte("tail")})
	f.want(3, engine.Request{Op: engine.OpWrite, FD: fd, RWF: unix.RWF_DSYNC, Off: 14, Buf: []byte("end")})
	got := f.readAll(fd)
	f.wantPattern(got[:10], 0)
	if string(got[10:]) != "tailend" {
		f.Fatalf("appended %q", got[10:])
	}
}

func testSync(f *fixture) {
	fd := f.file(10000, unix.O_RDWR)
	f.want(0, engine.Request{Op: engine.OpFsync, FD: fd})
	f.want(0, engine.Request{Op: engine.OpFdsync, FD: fd})
	r, _ := f.pipe(0)
	f.want(errno(unix.EINVAL), engine.Request{Op: engine.OpFsync, FD: r.fd, Class: engine.ClassStream})
	f.want(errno(unix.EINVAL), engine.Request{Op: engine.OpFdsync, FD: r.fd, Class: engine.ClassStream})
}

func testIoprio(f *fixture) {
	fd, buf := f.file(4096, unix.O_RDONLY), f.memory(4096)
	const be, idle = 2, 3
	for _, class := range []uint16{be, idle} {
		f.want(4096, engine.Request{Op: engine.OpRead, FD: fd, Ioprio: class<<13 | 4, Buf: buf})
		f.wantPattern(buf, 0)
	}
	f.want(errno(unix.EINVAL), engine.Request{Op: engine.OpRead, FD: fd, Ioprio: 7 << 13, Buf: buf})
}

// A Request object may be used again and again, also for something else.
func testReuse(f *fixture) {
	fd, buf := f.file(100000, unix.O_RDWR), f.memory(4096)
	c := f.call(engine.Request{})
	for i := range 200 {
		private := c.Private
		c.Request = engine.Request{Owner: c, Private: private, FD: fd, Off: int64(i * 16)}
		want := int64(0)
		switch i % 3 {
		case 0:
			c.Op, c.Buf, want = engine.OpRead, buf[:i], int64(i)
		case 1:
			c.Op, c.Iov, want = engine.OpRead, [][]byte{buf[:i], buf[i : 2*i]}, int64(2*i)
		}
		f.submit(c)
		if got := c.Wait(); got != want {
			f.Fatalf("use %d: %s, want %d", i, result(got), want)
		}
		f.wantPattern(buf[:want], i*16)
	}
}

// In steady state an engine allocates nothing for a request on a file.
func testAllocations(f *fixture) {
	fd, buf := f.file(65536, unix.O_RDWR), f.memory(65536)
	var calls []*Call
	for i := range 16 {
		off := i * 4096
		r := engine.Request{FD: fd, Off: int64(off), Buf: buf[off : off+4096]}
		r.Op = []engine.Op{engine.OpRead, engine.OpWrite, engine.OpNop, engine.OpRead}[i%4]
		calls = append(calls, f.call(r))
	}
	batch := requests(calls)
	round := func() {
		for _, c := range calls {
			c.submitted.Add(1)
		}
		f.queue.Submit(batch)
		for _, c := range calls {
			if res := <-c.results; res < 0 {
				f.Errorf("%s: %s", describe(&c.Request), result(res))
			}
		}
	}
	for range 20 {
		round()
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		f.Errorf("%v allocations for 16 requests", n)
	}
}
