package iocb

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantReason fails unless err is nil or a Refusal that can stand in error_log.
func wantReason(t *testing.T, err error) {
	t.Helper()
	var r *Refusal
	if err != nil && (!errors.As(err, &r) || r.Errno == 0 || r.Why == "" || strings.ContainsAny(r.Why, "\n\x00")) {
		t.Fatalf("refused by %#v", err)
	}
}

func FuzzParseText(f *testing.F) {
	for _, s := range []string{
		"pread len=100 tag=1 /FILE", "pread keep=no ./a b\nc ", `pwrite str=a\012b\134 off=1K slot=3`, "pwrite buf=0 len=4M fd=3 rw=nowait,append",
		"pwrite out=7 open=wronly,creat,trunc path=a\\040b", "fsync slot=1023", "fdsync fd=0", "poll events=in,out,rdhup /dev/tty", "poll events=65535 fd=1",
		"noop tag=18446744073709551615", "pread ioprio=be:7 rw=hipri off=9223372036854775807 /x", "pread lenn=1 /f", "#", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var r Request
		err := r.ParseText(line)
		wantReason(t, err)
		if err != nil {
			return
		}
		switch {
		case r.Binary, r.Vec, r.HasResfd, r.Off < 0, r.Len < LenToEnd, r.MemOff > math.MaxInt64, r.Events > math.MaxUint16:
			t.Fatalf("%q is %+v", line, r)
		case (r.File == FileNone) != (r.Cmd == CmdNoop), (r.Mem == MemNone) != (r.Cmd != CmdPread && r.Cmd != CmdPwrite):
			t.Fatalf("%q is %+v", line, r)
		case r.File == FilePath && strings.Contains(r.Path, "\x00"), r.Slot > MaxSlot, r.FD < 0, r.Mem == MemBuf && r.Len < 0:
			t.Fatalf("%q is %+v", line, r)
		}
		all := FileInfo{Readable: true, Writable: true, Priv: true}
		if err := r.Check(all); err != nil {
			t.Fatalf("%q is taken, and refused by Check: %v", line, err)
		}
		var again Request
		if err := again.ParseText(append([]byte(" "), line...)); len(line) < MaxText && err != nil {
			t.Fatalf("%q with a blank before it: %v", line, err)
		}
	})
}

// FuzzLines has one line for all that is written by lines beside requests: files, cancel and events.
func FuzzLines(f *testing.F) {
	for _, s := range []string{
		"open 3 open=rdwr,creat ./a b", `open 1023 path=a\040b`, "dup 0 fd=2147483647", "close 7", "close 1024", "open 1 /a\x00", "all", "tag=18446744073709551615",
		" seq=1K ", "tag=1 tag=1", "min=2147483647 timeout=100ms", "timeout=inf", "timeout=-1s min=0", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		files, err := ParseFiles(line)
		wantReason(t, err)
		if err == nil && (files.Slot > MaxSlot || files.FD < 0 || strings.Contains(files.Path, "\x00") || files.Verb != FilesOpen && files.Path != "") {
			t.Fatalf("%q is %+v", line, files)
		}
		cancel, err := ParseCancel(line)
		wantReason(t, err)
		ways := 0
		for _, way := range []bool{cancel.All, cancel.ByTag, cancel.BySeq} {
			if way {
				ways++
			}
		}
		if (err == nil) != (ways == 1) || ways > 1 || !cancel.ByTag && cancel.Tag != 0 || !cancel.BySeq && cancel.Seq != 0 {
			t.Fatalf("%q is %+v, %v", line, cancel, err)
		}
		atLeast, hasMin, timeout, hasTimeout, err := ParseWait(line)
		wantReason(t, err)
		if err == nil && (atLeast < 0 || timeout < -1 || !hasMin && atLeast != 0 || !hasTimeout && timeout != 0 || !hasMin && !hasTimeout) {
			t.Fatalf("%q is min=%d (%v) timeout=%d (%v)", line, atLeast, hasMin, timeout, hasTimeout)
		}
	})
}

func FuzzDecode(f *testing.F) {
	c := full()
	f.Add(c.AppendTo(nil), uint8(0))
	for _, c := range []Iocb{
		{}, {LioOpcode: 1, Nbytes: 1 << 40, Flags: knownFlags}, {LioOpcode: 7, Nbytes: 1024}, {LioOpcode: 5, Buf: 0xffff},
		{LioOpcode: 2}, {LioOpcode: 6, Data: 1}, {Offset: math.MaxInt64, Nbytes: 1}, {RWFlags: rwfSupported, Flags: FlagIoprio, Reqprio: -1},
	} {
		f.Add(c.AppendTo(nil), uint8(0x7f))
	}
	f.Fuzz(func(t *testing.T, b []byte, file uint8) {
		if len(b) < Size {
			return
		}
		before := bytes.Clone(b)
		var r, again Request
		err := r.Decode(b)
		wantReason(t, err)
		if !bytes.Equal(before, b) {
			t.Fatal("wrote to the iocb")
		}
		if err != nil {
			return
		}
		bit := func(i int) bool { return file>>i&1 != 0 }
		info := FileInfo{Readable: bit(0), Writable: bit(1), NoRead: bit(2), NoWrite: bit(3), NoFsync: bit(4), AppendOnly: bit(5), Priv: bit(6)}
		err = r.Check(info)
		wantReason(t, err)
		if err != nil {
			return
		}
		rw := r.Mem != MemNone
		if rw && (r.Off < 0 || r.Len < 0 || r.Vec && r.Len > MaxIov || r.RWF&^rwfSupported != 0 || r.RWF&rwfHipri != 0) {
			t.Fatalf("taken: %+v", r)
		}
		// Check changes RWF alone, and once.
		if err := again.Decode(b); err != nil {
			t.Fatal(err)
		}
		again.RWF = r.RWF
		if d := cmp.Diff(r, again); d != "" {
			t.Fatal(d)
		}
	})
}

// FuzzSplitter writes a stream whole and cut in pieces of the sizes given: the requests must be the same, once it is decided what ends
// them.
func FuzzSplitter(f *testing.F) {
	f.Add("pread /a\n#c\n\npread /b", []byte{1, 2, 3}, false)
	f.Add("pread ./a\npwrite ./b\x00pread c\x00", []byte{7}, true)
	f.Add(strings.Repeat(" ", 200)+"\n", []byte{100, 100, 1}, false)
	f.Add("bad\nx\nbad\n", []byte{2, 4}, false)
	f.Fuzz(func(t *testing.T, stream string, sizes []byte, nul bool) {
		if len(stream) > MaxText {
			return
		}
		first := "\n"
		if nul {
			first = "\x00"
		}
		var whole, cut descriptor
		mustWrite(t, &whole, first)
		mustWrite(t, &cut, first)
		stream = strings.ReplaceAll(stream, "bad", "good") // a refusal discards what a cut one does not
		mustWrite(t, &whole, stream)
		for _, size := range sizes {
			n := min(int(size), len(stream))
			mustWrite(t, &cut, stream[:n])
			stream = stream[n:]
		}
		mustWrite(t, &cut, stream)
		if d := cmp.Diff(whole.taken, cut.taken); d != "" {
			t.Fatal(d)
		}
		if !bytes.Equal(whole.Cut(), cut.Cut()) || whole.Line() != cut.Line() {
			t.Fatalf("rest %q at %d, cut %q at %d", whole.Cut(), whole.Line(), cut.Cut(), cut.Line())
		}
	})
}

func mustWrite(t *testing.T, d *descriptor, p string) {
	t.Helper()
	if n, err := d.write(p); err != nil || n != len(p) {
		t.Fatalf("a write of %q is %d, %v", p, n, err)
	}
}
