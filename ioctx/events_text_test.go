package ioctx

import (
	"regexp"
	"strings"
	"testing"
)

// A line that does not fit is delivered in pieces to its descriptor, and none of it is lost or goes elsewhere.
func TestALineOverSmallReads(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r, other := e.reader(c, false, true), e.reader(c, false, true)
	defer r.Close()
	defer other.Close()
	e.submit(c, "noop tag=111\nnoop tag=222\nnoop tag=333\n")
	f.finish(3, 0)
	first := e.read(r, 5)
	if first != "111 0" {
		t.Fatalf("read %q", first)
	}
	e.wantStat(c, "in_ring", 2) // taken with its first byte
	rest := e.read(other, 1000)
	if !regexp.MustCompile(`^222 .*\n333 .*\n$`).MatchString(rest) {
		t.Errorf("the other descriptor read %q", rest)
	}
	var line strings.Builder
	line.WriteString(first)
	for !strings.HasSuffix(line.String(), "\n") {
		line.WriteString(e.read(r, 3))
	}
	if !regexp.MustCompile(`^111 0 - seq=1 op=noop usec=\d+\n$`).MatchString(line.String()) {
		t.Errorf("in pieces: %q", line.String())
	}
	if more := e.read(r, 3); more != "" { // the end of file: submit was closed
		t.Errorf("%q after the line", more)
	}
}

// A read brings whole lines, as long as there is one.
func TestOnlyWholeLinesAfterTheFirst(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, false, true)
	defer r.Close()
	e.submit(c, "noop\nnoop\nnoop\n")
	f.finish(3, 0)
	got := e.read(r, 60) // a line has about 30 bytes
	if !strings.HasSuffix(got, "\n") {
		t.Errorf("a piece of a line behind a whole one: %q", got)
	}
	n := strings.Count(got, "\n")
	if rest := e.read(r, 1000); n+strings.Count(rest, "\n") != 3 {
		t.Errorf("%q and %q are not three lines", got, rest)
	}
}

// The rest of a read(2) that the kernel has split never waits.
func TestMoreDoesNotWait(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\nnoop\n")
	for _, r := range []*Reader{e.reader(c, false, false), e.reader(c, true, false), e.configured(c, true, false, "min=1")} {
		b := make([]byte, 200)
		if n, err := r.Read(b, true, nil); n != 0 || err != nil {
			t.Errorf("more of nothing: %d, %v", n, err)
		}
		e.submit(c, "noop\n")
		f.finish(1, 0)
		if n, err := r.Read(b, true, nil); n < eventSize-5 || err != nil {
			t.Errorf("more of an event: %d, %v", n, err)
		}
		r.Close()
	}
}

// A path in an event stays on its line.
func TestAPathInAnEvent(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "pread /no such/a\nb\\c\x00")
	if got := e.cat(c); !strings.HasSuffix(got, " /no such/a\\012b\\134c\n") {
		t.Errorf("events %q", got)
	}
}
