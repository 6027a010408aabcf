package fsnode

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// opened opens a file of a mount until the end of the test.
func opened(t *testing.T, name string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// pollFor waits until fd has events, and says which.
func pollFor(t *testing.T, f *os.File, events int16, wait time.Duration) (revents int16) {
	t.Helper()
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: events}}
		for end := time.Now().Add(wait); ; {
			n, err := unix.Poll(p, int(max(time.Until(end).Milliseconds(), 0)))
			if err != unix.EINTR {
				if n > 0 {
					revents = p[0].Revents
				}
				return
			}
		}
	})
	return revents
}

// What is written to mapped memory is what pread(2) reads, and the other way round; the header is the kernel's.
func TestMappedBuf(t *testing.T) {
	m := newMount(t)
	needsSharing(t)
	f := opened(t, m.context(t, "8")+"/buf", os.O_RDWR)
	mem, err := unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	copy(mem[5000:], "mapped")
	b := make([]byte, 6)
	if _, err := f.ReadAt(b, 5000); err != nil || string(b) != "mapped" {
		t.Errorf("pread of what was mapped: %q %v", b, err)
	}
	if _, err := f.WriteAt([]byte("write"), 9000); err != nil || string(mem[9000:9005]) != "write" {
		t.Errorf("mapping of what was written: %q %v", mem[9000:9005], err)
	}
	// Below the client's mapping nothing shrinks, and holes are only zeros.
	wantErrno(t, "shrink", f.Truncate(4096), syscall.EBUSY)
	if err := unix.Madvise(mem[4096:8192], unix.MADV_REMOVE); err != nil && err != unix.EACCES {
		t.Logf("MADV_REMOVE: %v", err)
	}
	if _, err := f.ReadAt(b, 5000); err != nil {
		t.Errorf("after MADV_REMOVE: %v", err)
	}
}

// A request through sq: written by memory and a byte, done by the daemon, its event told by ready and taken by memory.
func TestDataPlane(t *testing.T) {
	m := newMount(t)
	needsSharing(t)
	dir := m.context(t, "8")
	bell := opened(t, dir+"/doorbell", os.O_WRONLY)
	ready := opened(t, dir+"/ready", os.O_RDONLY|unix.O_NONBLOCK)
	sq, err := ring.MapSubmitter(opened(t, dir+"/sq", os.O_RDWR))
	if err != nil {
		t.Fatal(err)
	}
	defer sq.Close()
	reaper, err := ring.MapReaper(opened(t, dir+"/ring", os.O_RDWR))
	if err != nil {
		t.Fatal(err)
	}
	defer reaper.Close()
	if got := pollFor(t, ready, unix.POLLIN, 0); got != 0 {
		t.Errorf("ready without an event: %#x", got)
	}
	events := make([]ring.IOEvent, 4)
	for round := range uint64(3) {
		sq.Push((&iocb.Iocb{Data: round, LioOpcode: uint16(iocb.CmdNoop)}).AppendTo(nil))
		sq.Publish()
		bell.Write([]byte{1})
		if got := pollFor(t, ready, unix.POLLIN, testenv.Patience); got != unix.POLLIN {
			t.Fatalf("ready: %#x", got)
		}
		ready.Read(make([]byte, 8)) // clears it
		if n := reaper.Reap(events); n != 1 || events[0].Data != round || events[0].Res != 0 {
			t.Fatalf("reaped %d: %+v", n, events[0])
		}
		if got := pollFor(t, ready, unix.POLLIN, 0); got != 0 {
			t.Errorf("ready after its byte was read: %#x", got)
		}
	}
	wantErrno(t, "nr_events once mapped", os.WriteFile(dir+"/nr_events", []byte("9"), 0), syscall.EBUSY)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if got := pollFor(t, ready, unix.POLLIN, testenv.Patience); got&unix.POLLHUP == 0 {
		t.Errorf("ready after the kill: %#x, want POLLHUP", got)
	}
	_, err = bell.Write([]byte{1})
	wantErrno(t, "doorbell after the kill", err, syscall.EPIPE)
	if !sq.Dead() || !reaper.Dead() {
		t.Error("the rings do not say DEAD")
	}
}

// Reads and writes at an offset reach the daemon, with which it ends at the kill.
func TestRingByPread(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	f := opened(t, dir+"/ring", os.O_RDWR)
	header := make([]byte, 32)
	if _, err := f.ReadAt(header, 0); err != nil {
		t.Fatal(err)
	}
	if magic := binary.NativeEndian.Uint32(header[16:]); magic != ring.Magic {
		t.Errorf("magic %#x", magic)
	}
	write(t, dir+"/submit", "noop tag=5\n")
	event := make([]byte, 32)
	deadline := time.Now().Add(testenv.Patience)
	for binary.NativeEndian.Uint32(header[12:]) == 0 && time.Now().Before(deadline) {
		f.ReadAt(header, 0)
	}
	if _, err := f.ReadAt(event, 32); err != nil || binary.NativeEndian.Uint64(event) != 5 {
		t.Errorf("event %x, %v", event, err)
	}
	copy(header[8:12], header[12:16])
	if _, err := f.WriteAt(header[8:12], 8); err != nil { // head = tail: reaped
		t.Error(err)
	}
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{1}, fi.Size())
	wantErrno(t, "past the end", err, syscall.ENOSPC)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	_, err = f.ReadAt(header, 0)
	wantErrno(t, "after the kill", err, syscall.EINVAL)
}

// Without passthrough what can be shared is not, and everything else goes on; ready works where the mount cannot be cloned.
func TestWithoutPrivilege(t *testing.T) {
	replace(t, &passthrough, func(*fuse.Server) error { return errors.New("not today") })
	replace(t, &cloneMount, func(string) (int, int, error) { return -1, -1, syscall.EPERM })
	m := newMount(t)
	t.Cleanup(func() { // the daemon closes its end, which is in the mount, when it sees that the client's is closed
		for end := time.Now().Add(testenv.Patience); m.server.Unmount() != nil && time.Now().Before(end); {
			runtime.Gosched()
		}
	})
	dir := m.context(t, "8")
	for _, name := range []string{"buf", "ring"} {
		f := opened(t, dir+"/"+name, os.O_RDWR)
		_, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		wantErrno(t, "mmap "+name, err, syscall.ENODEV)
		if _, err := f.ReadAt(make([]byte, 4), 0); err != nil {
			t.Errorf("pread %s: %v", name, err)
		}
	}
	_, err := os.OpenFile(dir+"/sq", os.O_RDWR, 0)
	wantErrno(t, "open sq", err, syscall.ENODEV)

	for range 2 { // the second client opens after the first has closed
		ready := opened(t, dir+"/ready", os.O_RDONLY|unix.O_NONBLOCK)
		write(t, dir+"/submit", "noop\n")
		if got := pollFor(t, ready, unix.POLLIN, testenv.Patience); got&unix.POLLIN == 0 {
			t.Fatalf("ready: %#x", got)
		}
		ready.Close()
		read(t, dir+"/events")
	}
}

// The daemon's ends do not keep the mount busy, and the daemon ends with it.
func TestUmountWithFifos(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	opened(t, dir+"/ready", os.O_RDONLY|unix.O_NONBLOCK).Close()
	opened(t, dir+"/doorbell", os.O_RDWR).Close()
	if err := m.server.Unmount(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-m.server.Done():
	case <-time.After(testenv.Patience):
		t.Fatal("the server does not end")
	}
}

// replace sets a variable until the end of the test.
func replace[T any](t *testing.T, p *T, with T) {
	old := *p
	*p = with
	t.Cleanup(func() { *p = old })
}

// needsSharing skips where the kernel does not pass FUSE through, but not in CI.
func needsSharing(t *testing.T) {
	t.Helper()
	if isRoot() || os.Getenv("CI") == "true" {
		return
	}
	t.Skip("shared memory needs CAP_SYS_ADMIN")
}
