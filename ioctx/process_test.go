package ioctx

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring/testenv"
)

// addr is where b lies, for requests of this process as its own caller.
func addr(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&b[0]))) }

// foreign is memory of the caller: not on the Go heap, since it is written to from outside.
func foreign(t *testing.T, n int) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	return b
}

// native submits iocbs and returns the results of their events, by aio_data.
func (e *env) native(c *Kioctx, iocbs ...iocb.Iocb) map[uint64]int64 {
	e.Helper()
	e.submit(c, packed(iocbs...))
	r := e.reader(c, true, false)
	defer r.Close()
	res := make(map[uint64]int64)
	for _, ev := range e.events(r, len(iocbs)) {
		res[ev.data] = ev.res
	}
	return res
}

func tempFD(t *testing.T, content string) uint32 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return uint32(fd)
}

func TestCallersMemory(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c, fd, mem := e.setup(1), tempFD(t, "0123456789"), foreign(t, 3*4096)
		iov := mem[8192:]
		put := func(i int, base, n uint64) {
			binary.NativeEndian.PutUint64(iov[16*i:], base)
			binary.NativeEndian.PutUint64(iov[16*i+8:], n)
		}
		put(0, addr(mem)+100, 2)
		put(1, addr(mem)+200, 3)
		put(2, addr(mem)+300, 0)
		copy(mem[4096:], "abc")
		got := e.native(c,
			iocb.Iocb{Data: 1, LioOpcode: uint16(iocb.CmdPread), Fildes: fd, Buf: addr(mem), Nbytes: 5, Offset: 2},
			iocb.Iocb{Data: 2, LioOpcode: uint16(iocb.CmdPreadv), Fildes: fd, Buf: addr(iov), Nbytes: 3, Offset: 1},
			iocb.Iocb{Data: 3, LioOpcode: uint16(iocb.CmdPwrite), Fildes: fd, Buf: addr(mem[4096:]), Nbytes: 3, Offset: 20},
			iocb.Iocb{Data: 4, LioOpcode: uint16(iocb.CmdPread), Fildes: fd, Buf: 4096, Nbytes: 5},
			iocb.Iocb{Data: 5, LioOpcode: uint16(iocb.CmdPwrite), Fildes: fd, Buf: 4096, Nbytes: 5},
			iocb.Iocb{Data: 6, LioOpcode: uint16(iocb.CmdPread), Fildes: fd, Buf: addr(mem), Nbytes: 0},
		)
		efault := -int64(syscall.EFAULT)
		for data, want := range map[uint64]int64{1: 5, 2: 5, 3: 3, 4: efault, 5: efault, 6: 0} {
			if got[data] != want {
				t.Errorf("request %d: %d, want %d", data, got[data], want)
			}
		}
		if string(mem[:5]) != "23456" || string(mem[100:103]) != "12\x00" || string(mem[200:204]) != "345\x00" {
			t.Errorf("memory is %q, %q, %q", mem[:5], mem[100:103], mem[200:204])
		}
		b := make([]byte, 3)
		if unix.Pread(int(fd), b, 20); string(b) != "abc" {
			t.Errorf("the file has %q", b)
		}
		testenv.Eventually(t, "files are closed", func() bool { return c.user.files.used.Load() == 0 })
		e.wantCharged(0)
	})
}

// Where max_buf has no room for all copies of a batch, those that fit are made.
func TestCopiesOverMaxBuf(t *testing.T) {
	pool := threads.NewPool()
	e := newEnv(t, pool, threads.New(pool), Config{MaxBuf: 8192})
	c, fd, mem := e.setup(1), tempFD(t, string(make([]byte, 1<<20))), foreign(t, 1<<20)
	got := e.native(c,
		iocb.Iocb{Data: 1, LioOpcode: uint16(iocb.CmdPread), Fildes: fd, Buf: addr(mem), Nbytes: 100},
		iocb.Iocb{Data: 2, LioOpcode: uint16(iocb.CmdPread), Fildes: fd, Buf: addr(mem), Nbytes: 1 << 20},
	)
	if got[1] != 100 || got[2] != -int64(syscall.ENOSPC) {
		t.Errorf("results %v", got)
	}
	e.wantCharged(0)
}

// A read that ends after the kill writes nothing into the caller's memory.
func TestNothingIsCopiedAfterTheKill(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	f.stubborn = true
	c, fd, mem := e.setup(1), tempFD(t, "x"), foreign(t, 4096)
	read := iocb.Iocb{LioOpcode: uint16(iocb.CmdPread), Fildes: fd, Buf: addr(mem), Nbytes: 8}
	e.submit(c, packed(read, read))
	f.mu.Lock()
	for _, r := range f.queues[0].requests {
		copy(r.Buf, "from I/O")
	}
	f.mu.Unlock()
	f.finish(1, 8)
	testenv.Eventually(t, "the copy", func() bool { return c.reqsActive.Load() == 1 })
	if string(mem[:8]) != "from I/O" {
		t.Fatalf("before the kill: %q", mem[:8])
	}
	clear(mem)
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	f.finish(2, 8)
	e.awaitNr(0)
	if !bytes.Equal(mem, make([]byte, 4096)) {
		t.Errorf("after the kill: %q", mem[:8])
	}
}

// The pid of a request is a thread's: descriptors are looked for by it, and never by none.
func TestCallerThatCannotBeSeen(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	s := e.submitter(c, false)
	defer s.Close()
	_, err := s.Write([]byte("pread fd=0\n"), Caller{}, nil)
	wantErrno(t, "a descriptor of nobody", err, syscall.EBADF)
	mem := foreign(t, 8)
	e.openSlot(c, 0, "rdonly", "/dev/null")
	native := e.submitter(c, false)
	defer native.Close()
	_, err = native.Write([]byte(packed(iocb.Iocb{LioOpcode: uint16(iocb.CmdPread), Flags: iocb.FlagFile, Buf: addr(mem), Nbytes: 8})), Caller{}, nil)
	wantErrno(t, "memory of nobody", err, syscall.EFAULT)
}
