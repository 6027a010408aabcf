package ioctx

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// wantCharged fails the test unless so many bytes of max_buf are charged.
func (e *env) wantCharged(n int64) {
	e.Helper()
	if got := e.memory.used.Load(); got != n {
		e.Errorf("%d bytes are charged, want %d", got, n)
	}
}

func TestBufReadsAndWrites(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	b := bytes.Repeat([]byte{1}, 10)
	if n, err := c.BufReadAt(b, defaultBuf-4); n != 4 || err != nil || !bytes.Equal(b, []byte{0, 0, 0, 0, 1, 1, 1, 1, 1, 1}) {
		t.Errorf("read %d, %v: %v", n, err, b)
	}
	e.wantCharged(0) // zeros cost nothing
	for _, step := range []struct {
		off   int64
		n     int
		errno syscall.Errno
	}{{0, 10, 0}, {defaultBuf - 4, 4, 0}, {defaultBuf, 0, syscall.ENOSPC}, {math.MaxInt64, 0, syscall.ENOSPC}, {-1, 0, syscall.ENOSPC}} {
		n, err := c.BufWriteAt([]byte("0123456789"), step.off)
		if n != step.n || step.errno == 0 && err != nil || step.errno != 0 && err != step.errno {
			t.Errorf("write at %d: %d, %v, want %d, %v", step.off, n, err, step.n, step.errno)
		}
	}
	e.wantCharged(defaultBuf)
	if n, err := c.BufReadAt(b, defaultBuf-4); n != 4 || err != nil || string(b[:4]) != "0123" {
		t.Errorf("read %d, %v: %q", n, err, b)
	}
	for _, off := range []int64{defaultBuf, math.MaxInt64, -1} {
		if n, err := c.BufReadAt(b, off); n != 0 || err != nil {
			t.Errorf("read at %d: %d, %v", off, n, err)
		}
	}
}

func TestBufGrowsUntilItIsUsed(t *testing.T) {
	e := threadsEnv(t, Config{MaxBuf: 8 << 20})
	c := e.setup(1)
	grow := func(size int64, errno syscall.Errno) {
		t.Helper()
		before := c.BufSize()
		err := c.BufTruncate(size)
		if errno == 0 && err != nil || errno != 0 && err != errno {
			t.Errorf("truncate to %d: %v, want %v", size, err, errno)
		}
		if errno == 0 && size > 0 {
			before = size
		}
		if c.BufSize() != before {
			t.Errorf("buf has %d bytes, want %d", c.BufSize(), before)
		}
	}
	grow(0, 0)
	grow(defaultBuf, 0)
	grow(defaultBuf-1, syscall.EBUSY)
	grow(-1, syscall.EBUSY)
	grow(8<<20+1, syscall.ENOSPC)
	grow(maxBuf+1, syscall.EFBIG)
	grow(2<<20, 0)
	e.wantCharged(0)
	if _, err := c.BufWriteAt([]byte("kept"), 2<<20-4); err != nil {
		t.Fatal(err)
	}
	e.wantCharged(2 << 20)
	grow(3<<20, 0) // though it is open and written to
	e.wantCharged(3 << 20)
	b := make([]byte, 8)
	if n, _ := c.BufReadAt(b, 2<<20-4); n != 8 || string(b) != "kept\x00\x00\x00\x00" {
		t.Errorf("read %q", b[:n])
	}
	other := e.setup(2)
	if err := other.BufTruncate(6 << 20); err != nil {
		t.Fatal(err)
	}
	_, err := other.BufWriteAt(b, 0)
	wantErrno(t, "over max_buf", err, syscall.ENOSPC)
	grow(8<<20, 0)
	e.submit(c, "pread buf=0 len=1 /dev/zero\n")
	e.cat(c)
	grow(8<<20, 0)
	grow(0, 0)
	grow(8<<20-1, syscall.EBUSY)
	grow(9<<20, syscall.EBUSY)
	e.wantCharged(8 << 20)
	e.Exit(c)
	<-c.gone
	e.wantCharged(0)
}

// Outside buf is EFAULT, and no room for buf ENOSPC, both in the event.
func TestRequestsOutsideBuf(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		path := tempFile(t, strings.Repeat("x", 100))
		e.openSlot(c, 0, "rdwr", path)
		for line, result := range map[string]string{
			"pread slot=0 buf=1048576 len=1":              "-14 EFAULT",
			"pread slot=0 buf=1048570 len=7":              "-14 EFAULT",
			"pread slot=0 buf=9223372036854775807 len=1K": "-14 EFAULT",
			"pwrite slot=0 buf=1048570 len=7":             "-14 EFAULT",
			"pread slot=0 buf=1048570 len=6":              "6 -",
			"pread slot=0 buf=1048576 len=0":              "0 -",
			"pwrite slot=0 buf=1048570 len=6":             "6 -",
			"pread slot=0 off=100 buf=0 len=9":            "0 -",
		} {
			e.wantResult(self, c, line, result)
		}
		e.memory.max = e.memory.used.Load()
		next := e.setup(2)
		e.openSlot(next, 0, "rdonly", path)
		e.wantResult(self, next, "pread slot=0 buf=0 len=1", "-28 ENOSPC")
		e.memory.max = DefaultMaxBuf
		e.wantResult(self, next, "pread slot=0 buf=0 len=1", "1 -") // the failure has fixed nothing
	})
}

// putIovecs writes struct iovec at off in buf.
func putIovecs(t *testing.T, c *Kioctx, off int64, iov ...[2]uint64) {
	t.Helper()
	var b []byte
	for _, v := range iov {
		b = binary.NativeEndian.AppendUint64(b, v[0])
		b = binary.NativeEndian.AppendUint64(b, v[1])
	}
	if n, err := c.BufWriteAt(b, off); n != len(b) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(b), err)
	}
}

func TestVectored(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		path := tempFile(t, "0123456789")
		e.openSlot(c, 0, "rdwr", path)
		r := e.reader(c, true, false)
		defer r.Close()
		vec := func(cmd iocb.Cmd, at, n uint64, off int64) int64 {
			t.Helper()
			e.submit(c, packed(iocb.Iocb{LioOpcode: uint16(cmd), Buf: at, Nbytes: n, Offset: off, Flags: iocb.FlagFile | iocb.FlagBuf}))
			return e.events(r, 1)[0].res
		}
		putIovecs(t, c, 4096, [2]uint64{100, 2}, [2]uint64{300, 0}, [2]uint64{200, 3})
		if n := vec(iocb.CmdPreadv, 4096, 3, 4); n != 5 {
			t.Errorf("read %d", n)
		}
		b := make([]byte, 103)
		c.BufReadAt(b, 100)
		if string(b[:2])+string(b[100:]) != "45678" {
			t.Errorf("read %q and %q", b[:2], b[100:])
		}
		if n := vec(iocb.CmdPwritev, 4096, 3, 0); n != 5 {
			t.Errorf("wrote %d", n)
		}
		if got, _ := os.ReadFile(path); string(got) != "4567856789" {
			t.Errorf("the file is %q", got)
		}
		if n := vec(iocb.CmdPreadv, 4096, 0, 0); n != 0 {
			t.Errorf("no iovecs: %d", n)
		}
		all := make([][2]uint64, iocb.MaxIov)
		for i := range all {
			all[i] = [2]uint64{uint64(i), 1}
		}
		putIovecs(t, c, 8192, all...)
		if n := vec(iocb.CmdPreadv, 8192, iocb.MaxIov, 0); n != 10 {
			t.Errorf("%d iovecs read %d", iocb.MaxIov, n)
		}
	})
}

// Whatever lies where the iovecs should, nothing outside buf is touched.
func TestHostileIovecs(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		const size, efault = defaultBuf, -int64(syscall.EFAULT)
		c := e.setup(1)
		e.openSlot(c, 0, "rdwr", tempFile(t, strings.Repeat("x", 1000)))
		r := e.reader(c, true, false)
		defer r.Close()
		s := e.submitter(c, false)
		defer s.Close()
		for name, v := range map[string]struct {
			iov   [][2]uint64
			at, n uint64
			res   int64
		}{
			"base at the end":        {iov: [][2]uint64{{size, 1}}, n: 1, res: efault},
			"length over the end":    {iov: [][2]uint64{{size - 1, 2}}, n: 1, res: efault},
			"base far out":           {iov: [][2]uint64{{math.MaxUint64, 1}}, n: 1, res: efault},
			"base and length wrap":   {iov: [][2]uint64{{16, math.MaxUint64 - 8}}, n: 1, res: efault},
			"length far out":         {iov: [][2]uint64{{0, math.MaxUint64}}, n: 1, res: efault},
			"the second is bad":      {iov: [][2]uint64{{0, 1}, {size, 1}}, n: 2, res: efault},
			"empty at the end":       {iov: [][2]uint64{{size, 0}, {100, 7}}, n: 2, res: 7},
			"the array over the end": {at: size - 16, n: 2, res: efault},
			"the array outside":      {at: size, n: 1, res: efault},
			"the array far outside":  {at: math.MaxInt64, n: iocb.MaxIov, res: efault},
			"overlapping itself":     {iov: [][2]uint64{{0, 32}, {0, 32}}, n: 2, res: 64},
		} {
			putIovecs(t, c, 0, v.iov...)
			for _, cmd := range []iocb.Cmd{iocb.CmdPreadv, iocb.CmdPwritev} {
				cb := iocb.Iocb{LioOpcode: uint16(cmd), Buf: v.at, Nbytes: v.n, Flags: iocb.FlagFile | iocb.FlagBuf}
				putIovecs(t, c, 0, v.iov...)
				e.write(s, packed(cb), 64, 0)
				if ev := e.events(r, 1)[0]; ev.res != v.res {
					t.Errorf("%s, %v: %d, want %d", name, cmd, ev.res, v.res)
				}
			}
		}
		e.write(s, packed(iocb.Iocb{LioOpcode: uint16(iocb.CmdPreadv), Nbytes: iocb.MaxIov + 1, Flags: iocb.FlagFile | iocb.FlagBuf}), 0, syscall.EINVAL)
	})
}
