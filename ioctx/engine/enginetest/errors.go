package enginetest

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

var errorTests = []test{
	{"bad descriptor", testBadDescriptor},
	{"directory", testDirectory},
	{"bad arguments", testBadArguments},
	{"direct, misaligned", testDirect},
	{"nowait on a cold file", testNowaitCold},
	{"no space", testNoSpace},
}

func testBadDescriptor(f *fixture) {
	const closed = 1 << 20 // a number that nothing the engine opens will get
	_, w := f.pipe(0)
	buf := f.memory(16)
	for _, class := range []engine.Class{engine.ClassLocal, engine.ClassHang, engine.ClassStream} {
		for op := engine.OpRead; op <= engine.OpPoll; op++ {
			f.want(errno(unix.EBADF), engine.Request{Op: op, Class: class, FD: closed, Buf: buf, Events: unix.POLLIN})
		}
	}
	// A descriptor of the wrong mode, which will never be ready for what is asked.
	f.want(errno(unix.EBADF), engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: w.fd, Buf: buf})
	f.want(errno(unix.EBADF), engine.Request{Op: engine.OpWrite, FD: f.file(100, unix.O_RDONLY), Buf: buf})
	f.want(errno(unix.EBADF), engine.Request{Op: engine.OpRead, FD: f.file(100, unix.O_WRONLY), Buf: buf})
}

func testDirectory(f *fixture) {
	fd := f.open(f.TempDir(), unix.O_RDONLY|unix.O_DIRECTORY)
	f.want(errno(unix.EISDIR), engine.Request{Op: engine.OpRead, FD: fd, Buf: f.memory(16)})
}

func testBadArguments(f *fixture) {
	fd, buf := f.file(4096, unix.O_RDWR), f.memory(16)
	for _, op := range []engine.Op{engine.OpRead, engine.OpWrite} {
		f.want(errno(unix.EOPNOTSUPP), engine.Request{Op: op, FD: fd, Buf: buf, RWF: 1 << 30})
		f.want(errno(unix.EINVAL), engine.Request{Op: op, FD: fd, Buf: buf, Off: -2})
	}
	r, _ := f.pipe(0)
	f.want(errno(unix.EOPNOTSUPP), engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r.fd, Buf: buf, RWF: 1 << 30})
	f.want(errno(unix.EINVAL), engine.Request{Op: engine.OpPoll + 1, FD: fd})
}

// What O_DIRECT asks of a buffer and an offset is the file system's; the result is that of the system call.
func testDirect(f *fixture) {
	name := filepath.Join(f.TempDir(), "direct")
	if err := os.WriteFile(name, make([]byte, 65536), 0o600); err != nil {
		f.Fatal(err)
	}
	probe, err := unix.Open(name, unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		f.Skip("no O_DIRECT: ", err)
	}
	fd, buf := f.end(probe).fd, f.memory(16384)
	for _, c := range []struct{ skip, len, off int }{{0, 4096, 4096}, {1, 4096, 0}, {0, 4096, 3}, {0, 100, 0}} {
		b := buf[c.skip:][:c.len]
		f.want(outcome(unix.Pread(probe, b, int64(c.off))), engine.Request{Op: engine.OpRead, FD: fd, Buf: b, Off: int64(c.off)})
		f.want(outcome(unix.Pwrite(probe, b, int64(c.off))), engine.Request{Op: engine.OpWrite, FD: fd, Buf: b, Off: int64(c.off)})
	}
}

// outcome makes a system call's outcome a completion's.
func outcome(n int, err error) int64 {
	if err != nil {
		return errno(err.(unix.Errno))
	}
	return int64(n)
}

func testNowaitCold(f *fixture) {
	fd, buf := f.file(1<<20, unix.O_RDWR), f.memory(4096)
	if err := unix.Fsync(int(fd)); err != nil {
		f.Fatal(err)
	}
	unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED)
	r := engine.Request{Op: engine.OpRead, FD: fd, Off: 512 << 10, Buf: buf, RWF: unix.RWF_NOWAIT}
	switch res := f.do(r); res {
	case 4096: // memory is its only home, or somebody was fast
		f.wantPattern(buf, int(r.Off))
	case errno(unix.EAGAIN), errno(unix.EOPNOTSUPP):
	default:
		f.Fatalf("%s: %s", describe(&r), result(res))
	}
}

func testNoSpace(f *fixture) {
	dir := f.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		testenv.Lacks(f, "mount: %v", err)
	}
	f.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	fd, buf := f.open(filepath.Join(dir, "full"), unix.O_RDWR|unix.O_CREAT), f.memory(128<<10)
	f.want(64<<10, engine.Request{Op: engine.OpWrite, FD: fd, Buf: buf})
	f.want(errno(unix.ENOSPC), engine.Request{Op: engine.OpWrite, FD: fd, Off: 64 << 10, Buf: buf})
}
