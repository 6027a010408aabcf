package ioctx

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

func TestOut(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		path := tempFile(t, "hello, world")
		e.submit(c, "pread tag=18446744073709551615 len=5 "+path+"\npread tag=2 off=12 "+path+"\npread tag=1 keep=yes "+path+"\npread tag=4 keep=no "+path+"\npread tag=5 /no/such\n")
		e.cat(c)
		if tags := c.OutTags(); !slices.Equal(tags, []uint64{1, 2, 1<<64 - 1}) {
			t.Fatalf("out/ has %v", tags)
		}
		wantOut(t, c, 1<<64-1, "hello")
		wantOut(t, c, 1, "hello, world")
		wantOut(t, c, 2, "")
		if n, err := c.OutSize(1); n != 12 || err != nil {
			t.Errorf("out/1 has %d bytes, %v", n, err)
		}
		o, err := c.Out(1)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Put()
		b := make([]byte, 4)
		for _, step := range []struct {
			off  int64
			want string
		}{{5, ", wo"}, {10, "ld"}, {12, ""}, {1 << 60, ""}, {-1, ""}} {
			if n, err := o.ReadAt(b, step.off); string(b[:n]) != step.want || err != nil {
				t.Errorf("at %d: %q, %v, want %q", step.off, b[:n], err, step.want)
			}
		}
		for _, tag := range []uint64{3, 4, 5} {
			_, err := c.Out(tag)
			wantErrno(t, fmt.Sprint(tag), err, syscall.ENOENT)
			_, err = c.OutSize(tag)
			wantErrno(t, fmt.Sprint(tag), err, syscall.ENOENT)
			wantErrno(t, fmt.Sprint(tag), c.RemoveOut(tag), syscall.ENOENT)
		}
	})
}

// out/TAG appears with its event and not before; a tag that is there or pending is EEXIST in the event of a second read.
func TestATagOfOutIsTakenOnce(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.openSlot(c, 0, "rdonly", tempFile(t, "hello"))
	s, r := e.submitter(c, false), e.reader(c, true, true)
	defer s.Close()
	defer r.Close()
	read := "pread tag=7 len=5 slot=0\n"
	eexist := ioEvent{7, 0, -int64(syscall.EEXIST)}
	again := func(seq uint64) {
		t.Helper()
		e.write(s, read, len(read), 0)
		eexist.obj = seq
		if ev := e.events(r, 1)[0]; ev != eexist {
			t.Errorf("event %v, want %v", ev, eexist)
		}
	}
	e.write(s, read, len(read), 0)
	if tags := c.OutTags(); len(tags) > 0 {
		t.Errorf("%v in out/ while it is pending", tags)
	}
	again(2)
	copy(f.inflight()[0].Buf, "hello")
	f.finish(1, 5)
	e.events(r, 1)
	wantOut(t, c, 7, "hello")
	again(3)
	if err := c.RemoveOut(7); err != nil {
		t.Fatal(err)
	}
	e.write(s, read, len(read), 0)
	f.finish(1, -5)
	e.events(r, 1)
	e.write(s, read, len(read), 0) // a read that failed leaves nothing pending
	f.finish(1, 0)
	e.events(r, 1)
	wantOut(t, c, 7, "")
}

// What a read did not fill is given back; a page that it needs stays.
func TestOutIsTrimmed(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.openSlot(c, 0, "rdonly", tempFile(t, ""))
	mapped := ring.Mapped()
	for i, step := range []struct{ res, charged int64 }{{1 << 20, 1 << 20}, {5000, 5000}, {1, 1}, {0, 0}, {-5, 0}} {
		e.submit(c, fmt.Sprintf("pread tag=%d len=1M slot=0\n", i))
		e.wantCharged(1 << 20)
		f.finish(1, step.res)
		e.wantCharged(step.charged)
		if step.res < 0 {
			continue
		}
		if n, err := c.OutSize(uint64(i)); n != step.res || err != nil {
			t.Errorf("out/%d has %d bytes, %v", i, n, err)
		}
		if err := c.RemoveOut(uint64(i)); err != nil {
			t.Error(err)
		}
		e.wantCharged(0)
	}
	if n := ring.Mapped() - c.ringBytes(); n != mapped {
		t.Errorf("%d bytes stay mapped", n-mapped)
	}
}

// ringBytes is what the context's own ring has mapped.
func (c *Kioctx) ringBytes() int64 { return int64(roundUp(c.live.Load().ring.Memory().Size())) }

func roundUp(n int) int { p := os.Getpagesize(); return (n + p - 1) &^ (p - 1) }

// A full max_buf is ENOSPC in the event, and leaves the tag free.
func TestOutOverMaxBuf(t *testing.T) {
	e := threadsEnv(t, Config{MaxBuf: 10000})
	c := e.setup(1)
	path := tempFile(t, strings.Repeat("x", 6000))
	e.wantResult(self, c, "pread tag=1 "+path, "6000 -")
	e.wantResult(self, c, "pread tag=2 "+path, "-28 ENOSPC")
	e.wantResult(self, c, "pread tag=2 len=4001 "+path, "-28 ENOSPC")
	e.wantCharged(6000)
	e.wantResult(self, c, "pread tag=2 len=4000 "+path, "4000 -")
	e.wantResult(self, c, "pread tag=3 len=1 keep=no "+path, "1 -")
	e.wantResult(self, c, "pread tag=4 off=6000 "+path, "0 -")
	if err := c.RemoveOut(1); err != nil {
		t.Fatal(err)
	}
	e.wantResult(self, c, "pread tag=1 "+path, "6000 -")
}

// Who has it open keeps what was removed, and so does a request that writes it; and it is charged meanwhile.
func TestOutIsRemovedWhileItIsHeld(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	path := tempFile(t, "")
	e.openSlot(c, 0, "rdwr", path)
	e.submit(c, "pread tag=1 len=5 slot=0\n")
	copy(f.inflight()[0].Buf, "hello")
	f.finish(1, 5)
	o, err := c.Out(1)
	if err != nil {
		t.Fatal(err)
	}
	e.submit(c, "pwrite out=1 slot=0\n")
	if err := c.RemoveOut(1); err != nil {
		t.Fatal(err)
	}
	s := e.submitter(c, false)
	defer s.Close()
	e.write(s, "pwrite out=1 slot=0\n", 0, syscall.ENOENT)
	b := make([]byte, 9)
	if n, err := o.ReadAt(b, 0); string(b[:n]) != "hello" || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
	o.Put()
	e.wantCharged(5)
	if got := string(f.inflight()[0].Buf); got != "hello" {
		t.Errorf("the request writes %q", got)
	}
	f.finish(1, 5)
	e.wantCharged(0)
}

// What an earlier read brought can be written, any number of times; it stays.
func TestOutAsASource(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		from, to := tempFile(t, "hello"), tempFile(t, "")
		e.wantResult(self, c, "pread tag=1 "+from, "5 -")
		e.wantResult(self, c, "pread tag=2 off=5 "+from, "0 -")
		e.wantResult(self, c, "pwrite out=1 open=wronly "+to, "5 -")
		e.wantResult(self, c, "pwrite out=1 off=5 "+to, "5 -")
		e.wantResult(self, c, "pwrite out=2 "+to, "0 -")
		if got, _ := os.ReadFile(to); string(got) != "hellohello" {
			t.Errorf("the file is %q", got)
		}
		wantOut(t, c, 1, "hello")
	})
}

// A handle on what a read brought is EINVAL after the kill, and still owns its bytes.
func TestOutAfterTheKill(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	e.wantResult(self, c, "pread tag=1 "+tempFile(t, "hello"), "5 -")
	o, err := c.Out(1)
	if err != nil {
		t.Fatal(err)
	}
	e.Exit(c)
	<-c.gone
	_, err = o.ReadAt(make([]byte, 5), 0)
	wantErrno(t, "a read", err, syscall.EINVAL)
	e.wantCharged(5)
	o.Put()
	e.wantCharged(0)
}

// A read that keeps nothing may be longer than the memory it goes to.
func TestDiscard(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		path := tempFile(t, "")
		if err := os.Truncate(path, 5<<20); err != nil {
			t.Fatal(err)
		}
		e.wantResult(self, c, "pread keep=no "+path, "5242880 -")
		e.wantResult(self, c, fmt.Sprintf("pread keep=no len=%d %s", trashSize, path), "1048576 -")
		e.wantResult(self, c, "pread keep=no len=0 "+path, "0 -")
		e.wantCharged(0)
	})
}

// At most as many segments as a request may have: what is over makes a short read.
func TestDiscardIsBounded(t *testing.T) {
	e := threadsEnv(t, Config{})
	for n, want := range map[int64]int64{trashSize + 1: trashSize + 1, 1 << 30: 1 << 30, 3 << 30: 1 << 30} {
		_, iov, err := e.discard(n, nil)
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, seg := range iov {
			sum += int64(len(seg))
		}
		if sum != want || len(iov) > iocb.MaxIov {
			t.Errorf("%d bytes in %d segments for %d", sum, len(iov), n)
		}
	}
}
