package iocb

import (
	"math"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// ofPath is a pread of a path, with what r says beside.
func ofPath(r Request) Request {
	r.File = FilePath
	if r.Path == "" {
		r.Path = "/f"
	}
	if r.Mem == MemNone {
		r.Mem, r.Len = MemOut, LenToEnd
	}
	return r
}

var textRequests = []struct {
	line string
	want Request
}{
	{"pread /f", ofPath(Request{})},
	{" \t pread\t /f", ofPath(Request{})},
	{"pread tag=18446744073709551615 off=9223372036854775807 /f", ofPath(Request{Tag: math.MaxUint64, HasTag: true, Off: math.MaxInt64})},
	{"pread tag=0 /f", ofPath(Request{HasTag: true})},
	{"pread off=1K len=2M /f", ofPath(Request{Off: 1 << 10, Len: 2 << 20, Mem: MemOut})},
	{"pread len=0 /f", ofPath(Request{Mem: MemOut})},
	{"pread len=3G buf=007 /f", ofPath(Request{Len: 3 << 30, Mem: MemBuf, MemOff: 7})},
	{"pread keep=no /f", ofPath(Request{Mem: MemDiscard, Len: LenToEnd})},
	{"pread keep=yes len=1 /f", ofPath(Request{Mem: MemOut, Len: 1})},
	{"pread slot=1023 len=1", Request{File: FileSlot, Slot: 1023, Len: 1, Mem: MemOut}},
	{"pread fd=2147483647", Request{File: FileFD, FD: math.MaxInt32, Len: LenToEnd, Mem: MemOut}},
	{"pread path=", Request{File: FilePath, Len: LenToEnd, Mem: MemOut}},
	{`pread path=a\040b\012\377=c tag=1`, ofPath(Request{Path: "a b\n\xff=c", HasTag: true, Tag: 1})},
	{"pread open=nofollow,direct /f", ofPath(Request{OpenFlags: unix.O_NOFOLLOW | unix.O_DIRECT})},
	{"pread open=rdwr,creat,trunc,append,dsync,sync /f",
		ofPath(Request{OpenFlags: unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND | unix.O_SYNC})},
	{"pread rw=hipri,dsync,sync,nowait,append,dontcache,nosignal /f", ofPath(Request{RWF: 0x19f})},
	{"pread ioprio=idle:7 /f", ofPath(Request{HasIoprio: true, Ioprio: 3<<13 | 7})},
	{"pread ioprio=1:0 /f", ofPath(Request{HasIoprio: true, Ioprio: 1 << 13})},
	{"pread ioprio=none:0 /f", ofPath(Request{HasIoprio: true})},

	// PATH goes to the end, whatever comes there.
	{"pread /f  tag=1 ", ofPath(Request{Path: "/f  tag=1 "})},
	{"pread keep=no ./x\npwrite str=1 /etc/passwd", ofPath(Request{Path: "./x\npwrite str=1 /etc/passwd", Mem: MemDiscard, Len: LenToEnd})},
	{`pread .hidden\040`, ofPath(Request{Path: `.hidden\040`})},
	{"pread ..", ofPath(Request{Path: ".."})},

	{"pwrite str=hello off=5 /f", ofPath(Request{Cmd: CmdPwrite, OpenFlags: unix.O_WRONLY, Off: 5, Mem: MemStr, Str: []byte("hello"), Len: 5})},
	{"pwrite str= /f", ofPath(Request{Cmd: CmdPwrite, OpenFlags: unix.O_WRONLY, Mem: MemStr, Str: []byte{}})},
	{`pwrite str=\000\134=\011 slot=0`, Request{Cmd: CmdPwrite, File: FileSlot, Mem: MemStr, Str: []byte("\x00\\=\t"), Len: 4}},
	{"pwrite buf=1 len=2 slot=3", Request{Cmd: CmdPwrite, File: FileSlot, Slot: 3, Mem: MemBuf, MemOff: 1, Len: 2}},
	{"pwrite out=9 rw=atomic open=append /f", ofPath(Request{Cmd: CmdPwrite, OpenFlags: unix.O_WRONLY | unix.O_APPEND,
		Mem: MemOutTag, OutTag: 9, Len: LenToEnd, RWF: rwfAtomic})},
	{"fsync /f", Request{Cmd: CmdFsync, File: FilePath, Path: "/f"}},
	{"fdsync tag=1 slot=2", Request{Cmd: CmdFdsync, HasTag: true, Tag: 1, File: FileSlot, Slot: 2}},
	{"poll events=in,pri,out,err,hup,rdnorm,rdband,wrnorm,wrband,rdhup,msg /f", Request{Cmd: CmdPoll, File: FilePath, Path: "/f", Events: 0x27df}},
	{"poll events=65535 fd=0", Request{Cmd: CmdPoll, File: FileFD, Events: 0xffff}},
	{"noop", Request{Cmd: CmdNoop}},
	{"noop tag=7 ", Request{Cmd: CmdNoop, Tag: 7, HasTag: true}},
}

func TestParseText(t *testing.T) {
	for _, c := range textRequests {
		var got Request
		wantRefusal(t, got.ParseText([]byte(c.line)), 0, "")
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s:\n%s", c.line, d)
		}
	}
}

var textRefusals = []struct {
	line, words string
}{
	{"", `unknown operation ""`},
	{"nonsense", `unknown operation "nonsense"`},
	{"PREAD /f", `unknown operation "PREAD"`},
	{"preadv slot=1", `unknown operation "preadv"`},
	{"/f", `unknown operation "/f"`},
	{"pread\n/f", `unknown operation "pread\n/f"`},

	{"pread lenn=1 /f", `unknown key "lenn"`},
	{"pread =1 /f", `unknown key ""`},
	{"pread seq=1 x /f", `key "seq" does not belong to pread`},
	{"pread f", `"f" is not KEY=VALUE, and PATH begins with / or .`},
	{"pread tag=1 x tag=1 /f", `"x" is not KEY=VALUE`},
	{"pread off=1 off=1 /f", `key "off" given twice`},
	{"pread tag=1 tag=2 /f", `key "tag" given twice`},
	{"fsync len=1 /f", `key "len" does not belong to fsync`},
	{"fdsync ioprio=be:1 /f", `key "ioprio" does not belong to fdsync`},
	{"poll rw=sync events=in /f", `key "rw" does not belong to poll`},
	{"pread str=x /f", `key "str" does not belong to pread`},
	{"pwrite keep=no str=x /f", `key "keep" does not belong to pwrite`},
	{"noop slot=1", `key "slot" does not belong to noop`},
	{"noop /f", `noop takes no file, got "/f"`},

	{"pread len=1x /f", `"len" wants a number, got "1x"`},
	{"pread len= /f", `"len" wants a number, got ""`},
	{"pread len=K /f", `"len" wants a number, got "K"`},
	{"pread len=1k /f", `"len" wants a number, got "1k"`},
	{"pread len=-1 /f", `"len" wants a number, got "-1"`},
	{"pread len=+1 /f", `"len" wants a number, got "+1"`},
	{"pread len=0x10 /f", `"len" wants a number, got "0x10"`},
	{"pread len=1\n /f", `"len" wants a number, got "1\n"`},
	{"pread tag=18446744073709551616 /f", `"tag" is out of range`},
	{"pread tag=99999999999999999999999999 /f", `"tag" is out of range`},
	{"pread tag=17179869184G /f", `"tag" is out of range`},
	{"pread off=9223372036854775808 /f", `"off" is out of range`},
	{"pread len=8388608G off=0 buf=8589934592G /f", `"buf" is out of range`},
	{"pread off=9223372036854775807 len=1 /f", "overflow"},
	{"pwrite off=9223372036854775807 str=x /f", "overflow"},
	{"pread slot=1024", `"slot" is out of range`},
	{"pread fd=2147483648", `"fd" is out of range`},

	{"pread", "pread needs a file"},
	{"pread len=10 ", "pread needs a file"},
	{"poll events=in", "poll needs a file"},
	{"pread slot=1 fd=1", "two files"},
	{"pread slot=1 /f", "two files"},
	{"fsync path=g /f", "two files"},
	{"pread slot=1 open=rdonly", "open= goes with a path"},
	{"fsync fd=1 open=rdonly", "open= goes with a path"},

	{"pread open= /f", `"open" has an unknown word ""`},
	{"pread open=rdonly,excl /f", `"open" has an unknown word "excl"`},
	{"pread open=rdonly,rdwr /f", "two access modes"},
	{"pread open=rdonly,rdonly /f", "two access modes"},
	{"pread rw=hipri, /f", `"rw" has an unknown word ""`},
	{"pread rw=1 /f", `"rw" has an unknown word "1"`},
	{"pread rw=append,noappend /f", "exclude each other"},
	{"poll events=in,nval /f", `"events" has an unknown word "nval"`},
	{"poll events= /f", `"events" has an unknown word ""`},
	{"poll events=65536 /f", `"events" is out of range`},
	{"poll /f", "poll needs events="},
	{"pread ioprio=rt /f", `got "rt"`},
	{"pread ioprio=rt:8 /f", `got "rt:8"`},
	{"pread ioprio=rt:10 /f", `got "rt:10"`},
	{"pread ioprio=4:0 /f", `got "4:0"`},
	{"pread ioprio=best:0 /f", `got "best:0"`},
	{"pread ioprio=none:1 /f", "none"},
	{"pwrite str=x ioprio=0:7 /f", "none"},

	{`pread path=a\b`, `"path" has "\\b"`},
	{`pread path=a\`, `"path" has "\\"`},
	{`pread path=a\\b`, `"path" has "\\\\b"`},
	{`pread path=\18`, `"path" has "\\18"`},
	{`pread path=\128`, `"path" has "\\128"`},
	{`pwrite str=\400 /f`, `"str" has "\\400"`},
	{`pread path=a\000b`, `the path "a\x00b" holds a NUL`},
	{"pread path=a\x00b", "holds a NUL"},
	{"pread /a\x00b", "holds a NUL"},

	{"pread buf=0 /f", "buf= needs len="},
	{"pread buf=0 len=1 keep=no /f", "exclude each other"},
	{"pread keep=maybe /f", `"keep" wants yes or no, got "maybe"`},
	{"pwrite /f", "pwrite needs one of"},
	{"pwrite len=1 /f", "pwrite needs one of"},
	{"pwrite buf=0 /f", "pwrite needs one of"},
	{"pwrite str=x out=1 /f", "pwrite needs one of"},
	{"pwrite str=x buf=0 len=1 /f", "pwrite needs one of"},
	{"pwrite str=x len=1 /f", "len= with buf= only"},
	{"pwrite out=1 len=1 /f", "len= with buf= only"},
}

func TestParseTextRefuses(t *testing.T) {
	for _, c := range textRefusals {
		var r Request
		err := r.ParseText([]byte(c.line))
		if err == nil {
			t.Errorf("%q was taken as %+v", c.line, r)
			continue
		}
		wantRefusal(t, err, unix.EINVAL, c.words)
	}
}

// Not EINVAL.
func TestParseTextRefusesWithAnotherErrno(t *testing.T) {
	long := "pread /" + strings.Repeat("x", MaxText-len("pread /"))
	for _, c := range []struct {
		line  string
		errno syscall.Errno
		words string
	}{
		{long, 0, ""},
		{long + "x", unix.E2BIG, "65536"},
		{"pread rw=atomic /f", unix.EOPNOTSUPP, "atomic"},
		{"pread rw=atomic,append,noappend /f", unix.EINVAL, "noappend"},
	} {
		var r Request
		wantRefusal(t, r.ParseText([]byte(c.line)), c.errno, c.words)
	}
}

// A line lies in memory that is used again.
func TestParseTextKeepsNothing(t *testing.T) {
	for _, text := range []string{"pwrite str=abc /f", "pwrite str=abc path=f", `pwrite str=\141bc path=\146`} {
		line := []byte(text)
		var r Request
		wantRefusal(t, r.ParseText(line), 0, "")
		path := r.Path
		clear(line)
		if string(r.Str) != "abc" || r.Path != path || strings.Trim(path, "/") != "f" {
			t.Errorf("%q: changed to %q, %q", text, r.Str, r.Path)
		}
	}
}

func TestParseTextAllocatesPathAndStrOnly(t *testing.T) {
	for line, want := range map[string]float64{
		"pread tag=1 off=4K len=4K buf=0 slot=3 rw=nowait,hipri ioprio=be:1": 0,
		"poll events=in,out fd=3":             0,
		"pread keep=no open=rdonly,direct /f": 1,
		"pread keep=no path=/some/file":       1,
		"pwrite str=abc slot=1":               1,
	} {
		b := []byte(line)
		var r Request
		if got := testing.AllocsPerRun(100, func() { _ = r.ParseText(b) }); got != want {
			t.Errorf("%s: %v allocations, want %v", line, got, want)
		}
	}
}

func TestALongWordIsCutInTheReason(t *testing.T) {
	var r Request
	err := r.ParseText([]byte("pread " + strings.Repeat("x", 60000)))
	wantRefusal(t, err, unix.EINVAL, `x"... is not KEY=VALUE`)
	if n := len(err.Error()); n > 200 {
		t.Errorf("a reason of %d bytes", n)
	}
}
