package iocb

import (
	"bytes"
	"errors"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// descriptor is what the writer of submit does with a Splitter, with requests that are taken unless they hold "bad".
type descriptor struct {
	Splitter
	files   bool // as files and cancel do it: Format is not called
	slots   int  // free ones, with full in force
	full    bool
	taken   []string
	refused []int // Line of each
}

// write is a write(2) of p: the bytes taken, or an errno.
func (d *descriptor) write(p string) (done int, err error) {
	b := []byte(p)
	format := Text
	if !d.files {
		format = d.Format(b)
	}
	for {
		line, n, ok := d.Next(b[done:])
		if !ok {
			break
		}
		switch {
		case bytes.Contains(line, []byte("bad")):
			return d.refuse(done, unix.EINVAL)
		case d.full && d.slots == 0:
			if done == 0 {
				return 0, unix.EAGAIN
			}
			return done, nil
		}
		d.slots--
		d.taken = append(d.taken, string(line))
		d.Took()
		done += n
	}
	if format == Binary {
		if done == 0 {
			return 0, unix.EINVAL
		}
		return done, nil
	}
	if err := d.Keep(b[done:]); err != nil {
		return d.refuse(done, unix.E2BIG)
	}
	return len(b), nil
}

func (d *descriptor) refuse(done int, errno syscall.Errno) (int, error) {
	d.refused = append(d.refused, d.Line())
	d.Discard()
	if done > 0 {
		return done, nil
	}
	return 0, errno
}

// want writes p and checks what comes of it.
func (d *descriptor) want(t *testing.T, p string, done int, errno syscall.Errno) {
	t.Helper()
	n, err := d.write(p)
	if n != done || errno == 0 && err != nil || errno != 0 && !errors.Is(err, errno) {
		t.Errorf("a write of %.40q is %d, %v, want %d, %v", p, n, err, done, errno)
	}
}

func (d *descriptor) wantTaken(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(d.taken, want) {
		t.Errorf("took %q, want %q", d.taken, want)
	}
}

func (d *descriptor) wantRest(t *testing.T, line int, cut string) {
	t.Helper()
	if d.Line() != line || string(d.Cut()) != cut {
		t.Errorf("at line %d with %q, want %d with %q", d.Line(), d.Cut(), line, cut)
	}
}
