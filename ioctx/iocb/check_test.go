package iocb

import (
	"math"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	pread, pwrite, fsync, fdsync, poll, noop, preadv, pwritev = 0, 1, 2, 3, 5, 6, 7, 8
	unknownRWF                                                = 0x200
	badClass                                                  = -1
	rt                                                        = ioprioRT << ioprioClassShift
)

var (
	rw         = FileInfo{Readable: true, Writable: true}
	dir        = FileInfo{Readable: true, NoRead: true}
	appendOnly = FileInfo{Writable: true, AppendOnly: true}
)

// The errno were measured with io_submit(2) on Linux 6.18. Where a case has two faults, the kernel's first one wins.
var checks = []struct {
	name  string
	file  FileInfo
	iocb  Iocb
	errno syscall.Errno
	words string
}{
	{"pread", rw, Iocb{Nbytes: 1}, 0, ""},
	{"pwrite", rw, Iocb{LioOpcode: pwrite, Nbytes: 1}, 0, ""},
	{"preadx", rw, Iocb{LioOpcode: 4}, unix.EINVAL, "aio_lio_opcode 4"},
	{"command 9 before ioprio", rw, Iocb{LioOpcode: 9, Flags: FlagIoprio, Reqprio: badClass}, unix.EINVAL, "aio_lio_opcode 9"},
	{"noop with anything", FileInfo{}, Iocb{LioOpcode: noop, Flags: FlagIoprio, Reqprio: badClass, RWFlags: unknownRWF, Offset: -1}, 0, ""},

	{"fsync of a file only readable", FileInfo{Readable: true}, Iocb{LioOpcode: fsync}, 0, ""},
	{"fsync ignores ioprio", rw, Iocb{LioOpcode: fsync, Flags: FlagIoprio, Reqprio: badClass}, 0, ""},
	{"fsync buf", rw, Iocb{LioOpcode: fsync, Buf: 1}, unix.EINVAL, "aio_buf"},
	{"fsync offset", rw, Iocb{LioOpcode: fsync, Offset: 1}, unix.EINVAL, "aio_buf"},
	{"fdsync nbytes", rw, Iocb{LioOpcode: fdsync, Nbytes: 1}, unix.EINVAL, "fdsync"},
	{"fdsync rw_flags", rw, Iocb{LioOpcode: fdsync, RWFlags: rwfDsync}, unix.EINVAL, "fdsync"},
	{"fsync of a pipe", FileInfo{Readable: true, NoFsync: true}, Iocb{LioOpcode: fsync}, unix.EINVAL, "no fsync"},

	{"poll of a file open for nothing", FileInfo{}, Iocb{LioOpcode: poll, Buf: math.MaxUint16}, 0, ""},
	{"poll 17 bits", rw, Iocb{LioOpcode: poll, Buf: 1 << 16}, unix.EINVAL, "16 bits"},
	{"poll 17 bits, low ones 0", rw, Iocb{LioOpcode: poll, Buf: 1 << 40}, unix.EINVAL, "16 bits"},
	{"poll offset", rw, Iocb{LioOpcode: poll, Offset: 1}, unix.EINVAL, "aio_offset"},
	{"poll nbytes", rw, Iocb{LioOpcode: poll, Nbytes: 1}, unix.EINVAL, "aio_offset"},
	{"poll rw_flags", rw, Iocb{LioOpcode: poll, RWFlags: rwfNowait}, unix.EINVAL, "aio_offset"},

	{"ioprio without its flag", rw, Iocb{Reqprio: badClass}, 0, ""},
	{"class 7 before rw_flags", rw, Iocb{Flags: FlagIoprio, Reqprio: badClass, RWFlags: unknownRWF}, unix.EINVAL, "class 7"},
	{"class 4", rw, Iocb{Flags: FlagIoprio, Reqprio: math.MinInt16}, unix.EINVAL, "class 4"},
	{"class none with a level", rw, Iocb{Flags: FlagIoprio, Reqprio: 1}, unix.EINVAL, "none"},
	{"class none with a hint", rw, Iocb{Flags: FlagIoprio, Reqprio: 1 << 5}, 0, ""},
	{"class idle with a level", rw, Iocb{Flags: FlagIoprio, Reqprio: ioprioIdle<<ioprioClassShift | 3}, 0, ""},
	{"class be", rw, Iocb{Flags: FlagIoprio, Reqprio: ioprioBE<<ioprioClassShift | 7}, 0, ""},
	{"class rt without the right, before rw_flags", rw, Iocb{Flags: FlagIoprio, Reqprio: rt, RWFlags: unknownRWF}, unix.EPERM, "rt"},
	{"class rt with the right", FileInfo{Readable: true, Priv: true}, Iocb{Flags: FlagIoprio, Reqprio: rt | 7}, 0, ""},

	{"every RWF", rw, Iocb{LioOpcode: pwrite, RWFlags: rwfSupported &^ rwfNoappend}, 0, ""},
	{"unknown RWF before append and noappend", rw, Iocb{RWFlags: unknownRWF | rwfAppend | rwfNoappend}, unix.EOPNOTSUPP, "0x200"},
	{"append and noappend before atomic", rw, Iocb{RWFlags: rwfAtomic | rwfAppend | rwfNoappend}, unix.EINVAL, "noappend"},
	{"atomic on a read, before the mode", FileInfo{}, Iocb{RWFlags: rwfAtomic}, unix.EOPNOTSUPP, "atomic"},
	{"atomic on a preadv", rw, Iocb{LioOpcode: preadv, RWFlags: rwfAtomic}, unix.EOPNOTSUPP, "atomic"},
	{"atomic on a pwritev", rw, Iocb{LioOpcode: pwritev, RWFlags: rwfAtomic}, 0, ""},
	{"noappend on an append-only file", appendOnly, Iocb{LioOpcode: pwrite, RWFlags: rwfNoappend, Offset: -1}, unix.EPERM, "append-only"},
	{"noappend on any other", rw, Iocb{LioOpcode: pwrite, RWFlags: rwfNoappend}, 0, ""},
	{"an append-only file", appendOnly, Iocb{LioOpcode: pwrite}, 0, ""},
	{"unknown RWF before the mode", FileInfo{}, Iocb{RWFlags: unknownRWF}, unix.EOPNOTSUPP, "0x200"},

	{"read of a file only writable, before the offset", FileInfo{Writable: true}, Iocb{Offset: -1}, unix.EBADF, "reading"},
	{"write of a file only readable", FileInfo{Readable: true}, Iocb{LioOpcode: pwritev, Nbytes: 9999}, unix.EBADF, "writing"},
	{"mode before kind", FileInfo{NoRead: true}, Iocb{}, unix.EBADF, "reading"},
	{"directory", dir, Iocb{Nbytes: 1, Offset: -1}, unix.EINVAL, "directory"},
	{"directory, unknown RWF", dir, Iocb{RWFlags: unknownRWF}, unix.EOPNOTSUPP, "0x200"},
	{"no write_iter", FileInfo{Writable: true, NoWrite: true}, Iocb{LioOpcode: pwrite}, unix.EINVAL, "written"},
	{"no write_iter does not matter to a read", FileInfo{Readable: true, NoWrite: true}, Iocb{}, 0, ""},

	{"1024 iovecs", rw, Iocb{LioOpcode: preadv, Nbytes: 1024}, 0, ""},
	{"no iovec", rw, Iocb{LioOpcode: preadv}, 0, ""},
	{"1025 iovecs before the offset", rw, Iocb{LioOpcode: pwritev, Nbytes: 1025, Offset: -1}, unix.EINVAL, "1025 iovecs"},
	{"kind before iovecs", dir, Iocb{LioOpcode: preadv, Nbytes: 1025}, unix.EINVAL, "directory"},
	{"the iovecs' number is no length", rw, Iocb{LioOpcode: preadv, Nbytes: 10, Offset: math.MaxInt64}, 0, ""},

	{"offset -1", rw, Iocb{Offset: -1}, unix.EINVAL, "offset -1"},
	{"offset at the end", rw, Iocb{Offset: math.MaxInt64}, 0, ""},
	{"offset beyond the end", rw, Iocb{Offset: math.MaxInt64, Nbytes: 1}, unix.EINVAL, "overflow"},
	{"a length is cut first", rw, Iocb{Offset: math.MaxInt64 - MaxRWCount, Nbytes: 1 << 40}, 0, ""},
	{"a cut length beyond the end", rw, Iocb{Offset: math.MaxInt64 - MaxRWCount + 1, Nbytes: 1 << 40}, unix.EINVAL, "overflow"},
}

func TestCheckHasTheKernelsErrnoAndOrder(t *testing.T) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			r, err := decode(c.iocb)
			if err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, r.Check(c.file), c.errno, c.words)
		})
	}
}

func TestCheckClearsHipri(t *testing.T) {
	r, err := decode(Iocb{RWFlags: rwfHipri | rwfNowait})
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, r.Check(FileInfo{Readable: true}), 0, "")
	if r.RWF != rwfNowait {
		t.Errorf("RWF is %#x", r.RWF)
	}
}

func TestCheckOfText(t *testing.T) {
	for _, c := range []struct {
		line  string
		file  FileInfo
		errno syscall.Errno
	}{
		{"pread slot=1", FileInfo{Readable: true}, 0},
		{"pread off=9223372036854775807 slot=1", FileInfo{Readable: true}, 0},
		{"pread slot=1", FileInfo{Writable: true}, unix.EBADF},
		{"pread /tmp", FileInfo{Readable: true, NoRead: true}, unix.EINVAL},
		{"pwrite open=rdonly str=x /f", FileInfo{Readable: true}, unix.EBADF},
		{"pread ioprio=rt:0 /f", FileInfo{Readable: true}, unix.EPERM},
		{"fsync /f", FileInfo{Readable: true}, 0},
		{"fsync slot=1", FileInfo{NoFsync: true}, unix.EINVAL},
		{"poll events=in /f", FileInfo{}, 0},
		{"noop", FileInfo{}, 0},
	} {
		var r Request
		if err := r.ParseText([]byte(c.line)); err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		wantRefusal(t, r.Check(c.file), c.errno, "")
	}
}

func TestVerifyAreaOfIovecs(t *testing.T) {
	r := Request{Cmd: CmdPreadv, Vec: true, Off: math.MaxInt64 - 10}
	wantRefusal(t, r.VerifyArea(10), 0, "")
	wantRefusal(t, r.VerifyArea(11), unix.EINVAL, "overflow")
}
