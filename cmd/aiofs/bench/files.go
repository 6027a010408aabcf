package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// filesPath is a context of a mount, through plain descriptors: one write of submit hands a batch over, one read of events_raw takes
// all completions that are there and waits for one if there is none. The bytes lie in the context's buf.
//
// That is the fair best for one thread: a round trip costs the same however much it carries, so each should carry as much as it can,
// and a read that waited for more than one event would let the disk run short.
type filesPath struct {
	*setup
	held   int // ctx/new: the context lives as long as this is open
	sub    int // submit
	events int // events_raw
	buf    *os.File
	wire   []byte // iocbs
	raw    []byte // io_events
}

func openFiles(s *setup) (path, error) {
	f := &filesPath{setup: s, held: -1, sub: -1, events: -1, raw: make([]byte, s.Depth*eventSize)}
	if err := f.open(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return newQueued(s, f), nil
}

// open makes a context that has the job's file in slot 0, room for its requests, and a buf that holds their blocks.
func (f *filesPath) open() error {
	dir, err := f.context()
	if err != nil {
		return err
	}
	if f.buf, err = os.OpenFile(filepath.Join(dir, "buf"), os.O_RDWR, 0); err != nil {
		return err
	}
	if err := f.grow(int64(f.Depth * f.Block)); err != nil {
		return err
	}
	return writeTo(filepath.Join(dir, "files"), f.openLine())
}

// context makes a context with room for the job's requests, and opens its submit and events_raw.
func (f *filesPath) context() (dir string, err error) {
	ctx := filepath.Join(f.daemon.dir, "ctx")
	if f.held, err = openFD(filepath.Join(ctx, "new"), unix.O_RDONLY); err != nil {
		return "", err
	}
	var number [32]byte
	n, err := unix.Read(f.held, number[:])
	if err != nil {
		return "", fmt.Errorf("reading ctx/new: %w", err)
	}
	dir = filepath.Join(ctx, strings.TrimSpace(string(number[:n])))
	if err := writeTo(filepath.Join(dir, "nr_events"), fmt.Sprintln(f.Depth)); err != nil {
		return "", err
	}
	if f.sub, err = openFD(filepath.Join(dir, "submit"), unix.O_WRONLY); err != nil {
		return "", err
	}
	f.events, err = openFD(filepath.Join(dir, "events_raw"), unix.O_RDONLY)
	return dir, err
}

// grow makes buf at least size bytes. It never shrinks.
func (f *filesPath) grow(size int64) error {
	st, err := f.buf.Stat()
	if err != nil || st.Size() >= size {
		return err
	}
	return f.buf.Truncate(size)
}

// openLine is the line of files that opens the file as the job wants it. It ends in a NUL, since a path may hold a newline.
func (f *filesPath) openLine() string {
	open := "rdonly"
	if f.Write {
		open = "wronly"
	}
	if f.Cache == cacheDirect {
		open += ",direct"
	}
	return fmt.Sprintf("open 0 open=%s %s\x00", open, f.name)
}

func openFD(name string, flags int) (int, error) {
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

// writeTo writes text at once, to a file that is there.
func writeTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (f *filesPath) blocks() blocks { return f.buf }

func (f *filesPath) submit(slots []int, offs []int64) (int, error) {
	return f.write(iocb.Iocb{Flags: iocb.FlagFile | iocb.FlagBuf}, slots, offs)
}

// write hands over a request for each slot. What they have in common is in c, whose Buf is where the blocks lie.
func (f *filesPath) write(c iocb.Iocb, slots []int, offs []int64) (int, error) {
	c.LioOpcode, c.Nbytes = uint16(iocb.CmdPread), uint64(f.Block)
	if f.Write {
		c.LioOpcode = uint16(iocb.CmdPwrite)
	}
	f.wire = f.wire[:0]
	for i, slot := range slots {
		one := c
		one.Data, one.Buf, one.Offset = uint64(slot), c.Buf+uint64(slot*f.Block), offs[i]
		f.wire = one.AppendTo(f.wire)
	}
	n, err := retry(unix.Write, f.sub, f.wire)
	if err != nil {
		return 0, fmt.Errorf("writing submit: %w", err)
	}
	return n / iocb.Size, nil
}

const eventSize = 32 // sizeof(struct io_event)

func (f *filesPath) reap(done []completion) (int, error) {
	n, err := retry(unix.Read, f.events, f.raw[:len(done)*eventSize])
	switch {
	case err != nil:
		return 0, fmt.Errorf("reading events_raw: %w", err)
	case n == 0:
		return 0, errors.New("events_raw has ended with requests in flight")
	}
	for i := range n / eventSize {
		e := f.raw[i*eventSize:]
		done[i] = completion{int(binary.NativeEndian.Uint64(e)), int64(binary.NativeEndian.Uint64(e[16:]))}
	}
	return n / eventSize, nil
}

// retry calls a read or write again where a signal has ended it before it did anything.
func retry(call func(int, []byte) (int, error), fd int, b []byte) (n int, err error) {
	n, err = call(fd, b)
	for err == unix.EINTR {
		n, err = call(fd, b)
	}
	return n, err
}

// close ends the context.
func (f *filesPath) close() (err error) {
	for _, fd := range []int{f.sub, f.events, f.held} {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	if f.buf != nil {
		err = errors.Join(err, f.buf.Close())
	}
	return err
}
