package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// warmSpan in bytes is how much of the file a job on the page cache uses at most, so that it fits there.
const warmSpan = 256 << 20

// A target is the file that is read and written.
type target struct {
	name string // absolute, without symbolic links
	size int64  // bytes
	made bool   // by us, and so removed at the end and free to be written to
}

// openTarget finds the file, or makes it. It refuses to write to one that it did not make, unless the user insists.
func openTarget(ctx context.Context, o options, p *progress) (*target, error) {
	dir, name := "/var/tmp", ""
	if o.file != "" {
		dir, name = filepath.Dir(o.file), filepath.Base(o.file)
	}
	f, err := os.Open(o.file)
	switch {
	case err == nil:
		defer f.Close()
		return existing(f, o)
	case o.file == "" || errors.Is(err, fs.ErrNotExist):
		return makeTarget(ctx, dir, name, o, p)
	}
	return nil, err
}

func existing(f *os.File, o options) (*target, error) {
	if o.writes() && !o.destructive {
		return nil, usagef("%s was there before, and would be overwritten: --destructive allows that", o.file)
	}
	if o.verify {
		return nil, usagef("--verify knows the content of files made here only, not of %s", o.file)
	}
	size, err := f.Seek(0, io.SeekEnd) // of a block device too, which stat(2) does not tell
	if err != nil {
		return nil, err
	}
	name, err := filepath.Abs(o.file)
	if err == nil {
		name, err = filepath.EvalSymlinks(name)
	}
	t := &target{name: name, size: size}
	return t, errors.Join(err, t.check(o))
}

// check refuses a file that is too small for a job.
func (t *target) check(o options) error {
	for _, j := range o.jobs {
		if t.size < int64(j.Block) {
			return usagef("%s holds %d bytes, and not one request of %s", t.name, t.size, bytesText(int64(j.Block)))
		}
	}
	return nil
}

// makeTarget makes the file; without a name, one of its own choice.
func makeTarget(ctx context.Context, dir, name string, o options, p *progress) (*target, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, err
	}
	var f *os.File
	if name == "" {
		f, err = os.CreateTemp(dir, "aiofs-bench-*")
	} else {
		f, err = os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return nil, err
	}
	t := &target{name: f.Name(), size: o.size, made: true}
	err = errors.Join(t.check(o), t.write(ctx, f, p), f.Close())
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// write fills the file and has it on the device.
func (t *target) write(ctx context.Context, f *os.File, p *progress) error {
	b := make([]byte, 1<<20)
	for off := int64(0); off < t.size; off += int64(len(b)) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		p.show("making %s: %d %%", t.name, 100*off/t.size)
		b = b[:min(int64(len(b)), t.size-off)]
		fill(b, off, 0)
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	p.show("making %s: waiting for the disk", t.name)
	return f.Sync()
}

// close removes the file if it is ours.
func (t *target) close() error {
	if !t.made {
		return nil
	}
	return os.Remove(t.name)
}

// open opens the file as a job wants it.
func (t *target) open(j job) (*os.File, error) {
	flags := os.O_RDONLY
	if j.Write {
		flags = os.O_WRONLY
	}
	if j.Cache == cacheDirect {
		flags |= unix.O_DIRECT
	}
	f, err := os.OpenFile(t.name, flags, 0)
	if errors.Is(err, unix.EINVAL) && j.Cache == cacheDirect {
		err = fmt.Errorf("the file system has no O_DIRECT: %w", err)
	}
	return f, err
}

// span is how much of the file a job uses.
func (t *target) span(j job) int64 {
	if j.Cache == cacheWarm {
		return max(min(t.size, warmSpan), int64(j.Block))
	}
	return t.size
}

// warm reads the first bytes, so that the page cache holds them.
func (t *target) warm(span int64) error {
	f, err := os.Open(t.name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(onlyWriter{io.Discard}, f, span)
	return err
}

// An onlyWriter hides the methods by which io.Copy would let the kernel copy.
type onlyWriter struct{ io.Writer }

// drop empties the page cache of the file. A page that was not written back stays, so they are.
func (t *target) drop(f *os.File) error {
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
