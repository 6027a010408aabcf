package iocb

import (
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// wantRefusal checks that err is a Refusal with the errno, whose reason holds words.
func wantRefusal(t *testing.T, err error, errno syscall.Errno, words string) {
	t.Helper()
	var r *Refusal
	switch {
	case errno == 0 && err == nil:
	case errno == 0:
		t.Errorf("refused: %v", err)
	case !errors.As(err, &r) || !errors.Is(err, errno):
		t.Errorf("got %v, want %s", err, ErrnoName(errno))
	case !strings.Contains(r.Why, words):
		t.Errorf("the reason is %q, want %q in it", r.Why, words)
	case strings.ContainsAny(r.Why, "\n\x00"):
		t.Errorf("the reason %q is not one line", r.Why)
	}
}

func decode(c Iocb) (Request, error) {
	var r Request
	err := r.Decode(c.AppendTo(nil))
	return r, err
}

func TestDecodeMapsFields(t *testing.T) {
	base := Iocb{
		Data: math.MaxUint64, Key: 99, RWFlags: 0x8000, Reqprio: -1, Fildes: 7, Buf: 1 << 47, Nbytes: 10, Offset: -5, Resfd: 3,
	}
	with := func(change func(*Iocb)) Iocb { c := base; change(&c); return c }
	fd := Request{Binary: true, Tag: math.MaxUint64, HasTag: true, File: FileFD, FD: 7, Off: -5, Len: 10, MemOff: 1 << 47, RWF: 0x8000}
	want := func(change func(*Request)) Request { r := fd; change(&r); return r }
	for _, c := range []struct {
		name string
		iocb Iocb
		want Request
	}{
		{"pread", base, want(func(r *Request) { r.Mem = MemCaller })},
		{"pwrite to buf", with(func(c *Iocb) { c.LioOpcode, c.Flags = 1, FlagBuf }),
			want(func(r *Request) { r.Cmd, r.Mem = CmdPwrite, MemBuf })},
		{"preadv", with(func(c *Iocb) { c.LioOpcode = 7 }), want(func(r *Request) { r.Cmd, r.Mem, r.Vec = CmdPreadv, MemCaller, true })},
		{"pwritev of a slot", with(func(c *Iocb) { c.LioOpcode, c.Flags = 8, FlagFile|FlagBuf }), want(func(r *Request) {
			r.Cmd, r.Mem, r.Vec, r.File, r.FD, r.Slot = CmdPwritev, MemBuf, true, FileSlot, 0, 7
		})},
		{"resfd and ioprio", with(func(c *Iocb) { c.Flags = FlagResfd | FlagIoprio }), want(func(r *Request) {
			r.Mem, r.HasResfd, r.Resfd, r.HasIoprio, r.Ioprio = MemCaller, true, 3, true, 0xffff
		})},
		{"fsync", with(func(c *Iocb) { c.LioOpcode = 2 }), want(func(r *Request) { r.Cmd = CmdFsync })},
		{"poll", with(func(c *Iocb) { c.LioOpcode, c.Buf = 5, 0x2041 }),
			want(func(r *Request) { r.Cmd, r.MemOff, r.Events = CmdPoll, 0x2041, 0x2041 })},
		{"an unknown command keeps its file", with(func(c *Iocb) { c.LioOpcode = 4 }), want(func(r *Request) { r.Cmd = 4 })},
		{"a negative descriptor", with(func(c *Iocb) { c.Fildes = math.MaxUint32 }),
			want(func(r *Request) { r.Mem, r.FD = MemCaller, -1 })},
		{"noop needs nothing", with(func(c *Iocb) { c.LioOpcode, c.Flags = 6, FlagResfd|FlagIoprio|FlagFile }),
			Request{Cmd: CmdNoop, Binary: true, Tag: math.MaxUint64, HasTag: true, HasResfd: true, Resfd: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode(c.iocb)
			wantRefusal(t, err, 0, "")
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		iocb  Iocb
		words string
	}{
		{"reserved2", Iocb{Reserved2: 1}, "aio_reserved2"},
		{"reserved2 before all", Iocb{Reserved2: 1 << 63, Nbytes: math.MaxUint64, Flags: 4}, "aio_reserved2"},
		{"nbytes beyond ssize_t", Iocb{Nbytes: 1 << 63}, "aio_nbytes"},
		{"nbytes before flags", Iocb{Nbytes: math.MaxUint64, Flags: 4}, "aio_nbytes"},
		{"flag 4", Iocb{Flags: 4}, "0x4"},
		{"flag 1<<29", Iocb{Flags: 1<<29 | FlagFile | FlagResfd}, "0x20000000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(c.iocb)
			wantRefusal(t, err, unix.EINVAL, c.words)
		})
	}
	_, err := decode(Iocb{Nbytes: math.MaxInt64, Flags: knownFlags})
	wantRefusal(t, err, 0, "")
}

// What a Request keeps must not change with the memory it was decoded from, which a client of sq may write to.
func TestDecodeKeepsNothing(t *testing.T) {
	c := Iocb{Data: 7, Buf: 8, Nbytes: 9}
	b := c.AppendTo(nil)
	var r Request
	wantRefusal(t, r.Decode(b), 0, "")
	before := r
	for i := range b {
		b[i] = 0xff
	}
	if d := cmp.Diff(before, r); d != "" {
		t.Error(d)
	}
}

func TestDecodeAndCheckDoNotAllocate(t *testing.T) {
	c := Iocb{LioOpcode: uint16(CmdPreadv), Flags: knownFlags, Nbytes: 4, RWFlags: rwfHipri | rwfNowait}
	b := c.AppendTo(nil)
	var r Request
	n := testing.AllocsPerRun(100, func() {
		if err := r.Decode(b); err != nil {
			t.Fatal(err)
		}
		if err := r.Check(FileInfo{Readable: true}); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
