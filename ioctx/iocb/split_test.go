package iocb

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFormat(t *testing.T) {
	zeros := string(make([]byte, 8))
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		first string
		want  Format
	}{
		{x(48) + zeros + x(8), Binary},
		{x(48) + zeros + x(100), Binary},
		{string(make([]byte, 64)), Binary},
		{x(48) + zeros + x(7), Text},
		{x(48) + zeros[1:] + x(9), Text},
		{x(49) + zeros[1:] + x(8), Text},
		{"", Text},
		{"noop\n", Text},
	} {
		var s Splitter
		if got := s.Format([]byte(c.first)); got != c.want {
			t.Errorf("%q is %d, want %d", c.first, got, c.want)
		}
		for _, later := range []string{"noop\n", string(make([]byte, 64))} {
			if got := s.Format([]byte(later)); got != c.want {
				t.Errorf("after %q, %q is %d: not for good", c.first, later, got)
			}
		}
	}
}

func TestSplitBinary(t *testing.T) {
	iocb := func(tag uint64) string { c := Iocb{Data: tag}; return string(c.AppendTo(nil)) }
	var d descriptor
	d.want(t, iocb('\n')+iocb(2)+"12345", 128, 0)
	d.want(t, iocb(3)[:63], 0, unix.EINVAL)
	d.want(t, "noop\n", 0, unix.EINVAL)
	d.wantRest(t, 3, "")
	d.want(t, iocb(3), 64, 0)
	d.wantTaken(t, iocb('\n'), iocb(2), iocb(3))
	d.want(t, iocb(4)+"bad"+iocb(5)[3:], 64, 0)
	d.want(t, "bad"+iocb(5)[3:], 0, unix.EINVAL)
	d.want(t, iocb(6), 64, 0)
	if want := []int{5, 5}; !slices.Equal(d.refused, want) {
		t.Errorf("refused iocbs %v, want %v", d.refused, want)
	}
	d.wantRest(t, 7, "")
}

func TestSplitLines(t *testing.T) {
	var d descriptor
	d.want(t, "a\n\n \t\n# c\n  #d\n b #\n", 20, 0)
	d.wantTaken(t, "a", " b #")
	d.wantRest(t, 7, "")
	d.want(t, "c", 1, 0)
	d.wantRest(t, 7, "c")
	d.want(t, "", 0, 0)
	d.want(t, "d", 1, 0)
	d.wantRest(t, 7, "cd")
	d.want(t, "\ne\n#f", 5, 0)
	d.wantTaken(t, "a", " b #", "cd", "e")
	d.wantRest(t, 9, "#f")
	d.want(t, "g\n# h\nx\x00y\n", 10, 0)
	d.wantTaken(t, "a", " b #", "cd", "e", "x\x00y")
	d.wantRest(t, 12, "")
}

// A file name with a newline in it, being the very first, must not end the request: what comes after the newline would be one.
func TestANULAnywhereDecides(t *testing.T) {
	evil := "pread keep=no ./x\npwrite str=1 ./victim"
	for name, writes := range map[string][]string{
		"one write":              {evil + "\x00pread ./y\x00"},
		"cut before the newline": {evil[:10], evil[10:] + "\x00pread ./y\x00"},
		"cut after the NUL":      {evil + "\x00pre", "ad ./y\x00"},
		"a NUL before all":       {"\x00", evil[:30], evil[30:] + "\x00pread ./y\x00"},
		"a comment before all":   {"# find\x00", evil[:30], evil[30:] + "\x00pread ./y\x00"},
		"only the second NUL":    {evil[:17], evil[17:] + "\x00", "pread ./y\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			var d descriptor
			for _, w := range writes {
				d.want(t, w, len(w), 0)
			}
			d.wantTaken(t, evil, "pread ./y")
		})
	}
}

func TestTheTerminatorIsDecidedForGood(t *testing.T) {
	var d descriptor
	d.want(t, "a\n", 2, 0)
	d.want(t, "b\x00c\nd\x00", 6, 0)
	d.wantTaken(t, "a", "b\x00c")
	d.wantRest(t, 3, "d\x00")

	d = descriptor{}
	d.want(t, "a\x00b\n", 4, 0)
	d.want(t, "c\x00\n\x00", 4, 0)
	d.wantTaken(t, "a", "b\nc", "\n")
}

func TestARefusalDiscardsTheCut(t *testing.T) {
	var d descriptor
	d.want(t, "a\nb", 3, 0)
	d.want(t, "ad\nc\n", 0, unix.EINVAL)
	d.wantRest(t, 3, "")
	d.want(t, "c\n", 2, 0)
	d.wantTaken(t, "a", "c")
}

func TestAFullContextKeepsTheCut(t *testing.T) {
	d := descriptor{full: true, slots: 1}
	d.want(t, "a\nb", 3, 0)
	d.want(t, "c\nd\n", 0, unix.EAGAIN)
	d.wantRest(t, 2, "b")
	d.slots = 1
	d.want(t, "c\nd\n", 2, 0)
	d.slots = 1
	d.want(t, "d\n", 2, 0)
	d.wantTaken(t, "a", "bc", "d")

	// Also where the cut is a comment, which is over only once what follows it was taken.
	d = descriptor{full: true}
	d.want(t, "# a", 3, 0)
	d.want(t, " b\nc\n", 0, unix.EAGAIN)
	d.slots = 1
	d.want(t, " b\nc\n", 5, 0)
	d.wantTaken(t, "c")
	d.wantRest(t, 3, "")
}

// A client that gets a short count writes the rest again: a request is counted once, however often it is refused on the way.
func TestLinesOfRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes []string
		want   []int
	}{
		{"the first", []string{"bad\n", "bad\n"}, []int{1, 2}},
		{"after a comment", []string{"#\nbad\n", "#\nbad\n"}, []int{2, 4}},
		{"after one taken, not written again at once", []string{"a\n#\nbad\n", "#\nbad\n", "b\nbad\n"}, []int{3, 3, 5}},
		{"after a write that was taken", []string{"a\n", "bad\n", "bad\n"}, []int{2, 3}},
		{"with a cut", []string{"a\nb", "ad\n", "bad\n"}, []int{2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, files := range []bool{false, true} {
				d := descriptor{files: files}
				for _, w := range c.writes {
					_, _ = d.write(w)
				}
				if !slices.Equal(d.refused, c.want) {
					t.Errorf("files %v: refused lines %v, want %v", files, d.refused, c.want)
				}
			}
		})
	}
	// A short count for want of a slot is no refusal.
	d := descriptor{full: true, slots: 1}
	d.want(t, "a\nb\n", 2, 0)
	d.want(t, "bad\n", 0, unix.EINVAL)
	d.want(t, "bad\n", 0, unix.EINVAL)
	if want := []int{2, 3}; !slices.Equal(d.refused, want) {
		t.Errorf("refused lines %v, want %v", d.refused, want)
	}
}

func TestALongCutIsRefused(t *testing.T) {
	half := strings.Repeat("x", MaxText/2)
	var d descriptor
	d.want(t, "a\n"+half, 2+len(half), 0)
	d.want(t, half, len(half), 0)
	d.want(t, "", 0, 0)
	d.want(t, "x", 0, unix.E2BIG)
	d.wantRest(t, 3, "")
	d.want(t, "b\n"+half+half+"x", 2, 0)
	d.want(t, half+half+"x", 0, unix.E2BIG)
	d.want(t, "c\n", 2, 0)
	d.wantTaken(t, "a", "b", "c")
	if want := []int{2, 4, 4}; !slices.Equal(d.refused, want) {
		t.Errorf("refused lines %v, want %v", d.refused, want)
	}
}

// However long the end of a cut request is, a Splitter does not copy it.
func TestALongEndIsNotCopied(t *testing.T) {
	var s Splitter
	if err := s.Keep([]byte("pread /")); err != nil {
		t.Fatal(err)
	}
	end := bytes.Repeat([]byte{'x'}, 4<<20)
	line, n, ok := s.Next(append(end, '\n'))
	if !ok || n != len(end)+1 || len(line) > 2*MaxText {
		t.Errorf("%d bytes of %d, %v", len(line), n, ok)
	}
	var r Request
	wantRefusal(t, r.ParseText(line), unix.E2BIG, "")
}

func TestSplittingDoesNotAllocate(t *testing.T) {
	stream := []byte(strings.Repeat("pread keep=no /some/file\n", 100) + "pread")
	var s Splitter
	n := testing.AllocsPerRun(100, func() {
		s.Format(stream)
		for p := stream; ; {
			_, n, ok := s.Next(p)
			if !ok {
				_ = s.Keep(p)
				return
			}
			s.Took()
			p = p[n:]
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
