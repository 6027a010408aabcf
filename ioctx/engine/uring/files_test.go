package uring

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A request reaches a file by its number, whatever its descriptor is.
func TestRegisteredFile(t *testing.T) {
	q := newTestQueue(t, start(t), 8)
	fds := []int32{tempFile(t, "", page, unix.O_RDWR), tempFile(t, "", page, unix.O_RDWR)}
	for i, fd := range fds {
		if _, err := unix.Pwrite(int(fd), []byte{byte('a' + i)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	buf := mmap(t, 1)
	read := func(fixed uint32, fd int32) string {
		t.Helper()
		c := newCall(engine.Request{Op: engine.OpRead, FD: fd, Fixed: fixed, Buf: buf})
		q.Submit(batchOf(c))
		c.want(t, 1)
		return string(buf)
	}
	a, b := q.Register(fds[0]), q.Register(fds[1])
	if a == 0 || b == 0 || a == b {
		t.Fatalf("registered as %d and %d", a, b)
	}
	if got := read(a, -1) + read(b, fds[0]) + read(0, fds[0]); got != "aba" {
		t.Errorf("read %q", got)
	}
	q.Unregister(a)
	c := newCall(engine.Request{Op: engine.OpRead, FD: fds[0], Fixed: a, Buf: buf})
	q.Submit(batchOf(c))
	c.want(t, -int64(unix.EBADF))
	if again := q.Register(fds[1]); again != a || read(a, fds[0]) != "b" {
		t.Errorf("the next file is registered as %d, not %d, or is another", again, a)
	}
}

// What is not registered any more is not kept open.
func TestUnregisterLetsGo(t *testing.T) {
	q := newTestQueue(t, start(t), 8)
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	fixed := q.Register(int32(p[1]))
	unix.Close(p[1])
	atEnd := func() bool {
		n, err := unix.Read(p[0], make([]byte, 1))
		return n == 0 && err == nil
	}
	if fixed == 0 || atEnd() {
		t.Fatalf("registered as %d, and not kept open", fixed)
	}
	q.Unregister(fixed)
	testenv.Eventually(t, "the last writer is gone", atEnd)
}

// A file more than there is room for is none that is known, as where there is no table, or no such descriptor.
func TestNoRoomForAFile(t *testing.T) {
	q := newTestQueue(t, start(t), 8)
	fd := tempFile(t, "", page, unix.O_RDONLY)
	if fixed := q.Register(1 << 20); fixed != 0 {
		t.Errorf("no file is registered as %d", fixed)
	}
	seen := make(map[uint32]bool)
	for range fixedFiles {
		seen[q.Register(fd)] = true
	}
	if len(seen) != fixedFiles || seen[0] {
		t.Errorf("%d numbers for %d files", len(seen), fixedFiles)
	}
	if fixed := q.Register(fd); fixed != 0 {
		t.Errorf("one file too many is registered as %d", fixed)
	}
	q.Unregister(17)
	if fixed := q.Register(fd); fixed != 17 {
		t.Errorf("in the place of 17 a file is registered as %d", fixed)
	}

	q = newTestQueue(t, start(t), 8)
	if err := q.ring.registerFiles(1); err != nil { // somebody was faster
		t.Fatal(err)
	}
	if err := q.ring.registerFiles(1); !errors.Is(err, unix.EBUSY) {
		t.Fatal(err)
	}
	for range 2 {
		if fixed := q.Register(fd); fixed != 0 {
			t.Errorf("without a table a file is registered as %d", fixed)
		}
	}
}
