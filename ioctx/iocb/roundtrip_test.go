package iocb

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// escaped writes b as a value: every byte, or only those that a value cannot hold, as \ooo.
func escaped(t *rapid.T, b []byte) string {
	all := rapid.Bool().Draw(t, "escape all")
	var s strings.Builder
	for _, c := range b {
		if all || c == '\\' || isBlank(c) {
			fmt.Fprintf(&s, `\%03o`, c)
		} else {
			s.WriteByte(c)
		}
	}
	return s.String()
}

// number writes n, with a suffix where one fits.
func number(n uint64) string {
	switch {
	case n != 0 && n%(1<<30) == 0:
		return fmt.Sprint(n>>30, "G")
	case n != 0 && n%(1<<20) == 0:
		return fmt.Sprint(n>>20, "M")
	case n != 0 && n%(1<<10) == 0:
		return fmt.Sprint(n>>10, "K")
	}
	return strconv.FormatUint(n, 10)
}

// drawWords draws a set of names, and writes it as words in any order.
func drawWords(t *rapid.T, label string, names []name) (bits int, text string) {
	picked := rapid.Permutation(names).Draw(t, label)
	picked = picked[:rapid.IntRange(1, len(picked)).Draw(t, label+" count")]
	words := make([]string, len(picked))
	for i, n := range picked {
		bits |= n.bits
		words[i] = n.word
	}
	return bits, strings.Join(words, ",")
}

// drawn is a valid request and the words that say it, in any order but for PATH.
type drawn struct {
	Request
	words []string
	path  string
}

func (d *drawn) add(format string, args ...any) {
	d.words = append(d.words, fmt.Sprintf(format, args...))
}

func (d *drawn) file(t *rapid.T, access int) {
	switch d.File = rapid.SampledFrom([]FileKind{FileSlot, FilePath, FileFD}).Draw(t, "file"); d.File {
	case FileSlot:
		d.Slot = rapid.Uint32Range(0, MaxSlot).Draw(t, "slot")
		d.add("slot=%d", d.Slot)
		return
	case FileFD:
		d.FD = rapid.Int32Range(0, math.MaxInt32).Draw(t, "fd")
		d.add("fd=%d", d.FD)
		return
	}
	d.OpenFlags = access
	if rapid.Bool().Draw(t, "open") {
		bits, words := drawWords(t, "open words", openNames)
		if rapid.Bool().Draw(t, "access given") {
			mode := rapid.SampledFrom(accessNames).Draw(t, "access")
			access = mode.bits
			words += "," + mode.word
		}
		d.OpenFlags = access | bits
		d.add("open=%s", words)
	}
	path := rapid.SliceOf(rapid.ByteRange(1, 255)).Draw(t, "path")
	if rapid.Bool().Draw(t, "at the end") {
		d.Path = rapid.SampledFrom([]string{"/", ".", "./", "../"}).Draw(t, "start") + string(path)
		d.path = d.Path
		return
	}
	d.Path = string(path)
	d.add("path=%s", escaped(t, path))
}

func (d *drawn) readOrWrite(t *rapid.T) {
	d.Off = rapid.Int64Range(0, math.MaxInt64-MaxRWCount).Draw(t, "off")
	if d.Off != 0 || rapid.Bool().Draw(t, "off given") {
		d.add("off=%s", number(uint64(d.Off)))
	}
	if rapid.Bool().Draw(t, "ioprio") {
		d.HasIoprio = true
		class := rapid.SampledFrom(ioprioNames).Draw(t, "class")
		level := 0
		if class.bits != ioprioNone {
			level = rapid.IntRange(0, 7).Draw(t, "level")
		}
		d.Ioprio = uint16(class.bits<<ioprioClassShift | level)
		d.add("ioprio=%s:%d", class.word, level)
	}
	if rapid.Bool().Draw(t, "rw") {
		bits, words := drawWords(t, "rw words", []name{{"hipri", 1}, {"dsync", 2}, {"sync", 4}, {"nowait", 8}, {"noappend", 0x20}, {"nosignal", 0x100}})
		d.RWF = uint32(bits)
		d.add("rw=%s", words)
	}
}

func (d *drawn) buf(t *rapid.T) {
	d.Mem = MemBuf
	d.MemOff = rapid.Uint64Range(0, math.MaxInt64).Draw(t, "buf")
	d.add("buf=%s", number(d.MemOff))
	d.Len = rapid.Int64Range(0, math.MaxInt64).Draw(t, "len")
	d.add("len=%s", number(uint64(d.Len)))
}

func (d *drawn) readMem(t *rapid.T) {
	switch d.Mem = rapid.SampledFrom([]MemKind{MemOut, MemDiscard, MemBuf}).Draw(t, "mem"); d.Mem {
	case MemBuf:
		d.buf(t)
		return
	case MemDiscard:
		d.add("keep=no")
	}
	d.Len = LenToEnd
	if rapid.Bool().Draw(t, "len given") {
		d.Len = rapid.Int64Range(0, math.MaxInt64).Draw(t, "len")
		d.add("len=%s", number(uint64(d.Len)))
	}
}

func (d *drawn) writeMem(t *rapid.T) {
	switch d.Mem = rapid.SampledFrom([]MemKind{MemStr, MemOutTag, MemBuf}).Draw(t, "mem"); d.Mem {
	case MemBuf:
		d.buf(t)
	case MemStr:
		d.Str = rapid.SliceOf(rapid.Byte()).Draw(t, "str")
		d.Len = int64(len(d.Str))
		d.add("str=%s", escaped(t, d.Str))
	case MemOutTag:
		d.Len = LenToEnd
		d.OutTag = rapid.Uint64().Draw(t, "out")
		d.add("out=%s", number(d.OutTag))
	}
}

func draw(t *rapid.T) *drawn {
	d := &drawn{}
	d.Cmd = rapid.SampledFrom([]Cmd{CmdPread, CmdPwrite, CmdFsync, CmdFdsync, CmdPoll, CmdNoop}).Draw(t, "cmd")
	if d.HasTag = rapid.Bool().Draw(t, "tagged"); d.HasTag {
		d.Tag = rapid.Uint64().Draw(t, "tag")
		d.add("tag=%s", number(d.Tag))
	}
	switch d.Cmd {
	case CmdPread:
		d.file(t, unix.O_RDONLY)
		d.readOrWrite(t)
		d.readMem(t)
	case CmdPwrite:
		d.file(t, unix.O_WRONLY)
		d.readOrWrite(t)
		d.writeMem(t)
	case CmdFsync, CmdFdsync:
		d.file(t, unix.O_RDONLY)
	case CmdPoll:
		d.file(t, unix.O_RDONLY)
		bits, words := drawWords(t, "events", eventNames)
		d.Events = uint32(bits)
		d.add("events=%s", words)
	}
	return d
}

func (d *drawn) text(t *rapid.T) string {
	s := d.Cmd.String()
	for _, w := range rapid.Permutation(d.words).Draw(t, "order") {
		s += rapid.StringMatching(`[ \t]{1,3}`).Draw(t, "blanks") + w
	}
	if d.path != "" {
		return s + " " + d.path
	}
	return s + rapid.SampledFrom([]string{"", " "}).Draw(t, "last blank")
}

func TestEveryRequestSurvivesText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		text := d.text(t)
		var got Request
		if err := got.ParseText([]byte(text)); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(d.Request, got); diff != "" {
			t.Fatalf("%q:\n%s", text, diff)
		}
	})
}

func TestEveryIocbSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b [Size]byte
		copy(b[:], rapid.SliceOfN(rapid.Byte(), Size, Size).Draw(t, "bytes"))
		c := unpack(b)
		if back := [Size]byte(c.AppendTo(nil)); back != b {
			t.Fatalf("% x became % x", b, back)
		}
	})
}

// What events shows of a path can be given back as path=, but for the blanks, which PATH alone may hold.
func TestAShownPathCanBeGivenBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := string(rapid.SliceOf(rapid.ByteRange(1, 255)).Draw(t, "path"))
		shown := AppendPath([]byte("x"), path)[1:]
		if strings.Contains(string(shown), "\n") {
			t.Fatalf("%q has a newline", shown)
		}
		back, err := arg{keyPath, shown}.path()
		if err != nil || back != path {
			t.Fatalf("%q shown as %q is %q, %v", path, shown, back, err)
		}
	})
}
