package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// stream is what text, raw and native have in common: a file that takes requests and one that gives events.
type stream struct {
	dir                 string
	submits, takes, buf *os.File
}

func openStream(dir, events string, flags int) (s stream, err error) {
	s.dir = dir
	open := func(name string, flags int) *os.File {
		f, failed := os.OpenFile(filepath.Join(dir, name), flags, 0)
		err = errors.Join(err, failed)
		return f
	}
	s.submits, s.takes, s.buf = open("submit", os.O_WRONLY), open(events, flags), open("buf", os.O_RDWR)
	if err != nil {
		s.Close()
	}
	return s, err
}

// Close closes the files.
func (s stream) Close() {
	for _, f := range []*os.File{s.submits, s.takes, s.buf} {
		f.Close() // of nil too
	}
}

// ErrShort is a write of which not all was taken.
var ErrShort = errors.New("not all was taken")

// write is one write(2), whose count must be all.
func (s stream) write(b []byte) error {
	n, err := IgnoringEINTR(func() (int, error) { return syscall.Write(int(s.submits.Fd()), b) })
	if err == nil && n != len(b) {
		err = fmt.Errorf("%w: %d bytes of %d", ErrShort, n, len(b))
	}
	return err
}

// IgnoringEINTR repeats a system call that a signal ended.
func IgnoringEINTR(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != syscall.EINTR {
			return n, err
		}
	}
}

// raw writes struct iocb and reads struct io_event.
type raw struct {
	stream
	arena
	flags uint32           // of its iocbs
	fd    func(uint32) int // what a request has for a slot
}

const slotsAndBuf = iocb.FlagFile | iocb.FlagBuf

func openRaw(dir string, flags int) (*raw, error) {
	s, err := openStream(dir, "events_raw", flags)
	return &raw{stream: s, arena: arena{memory: s.buf}, flags: slotsAndBuf, fd: func(slot uint32) int { return int(slot) }}, err
}

func (r *raw) Submit(ops []Op) error {
	var b []byte
	for _, o := range ops {
		if o.file() {
			o.Slot = uint32(r.fd(o.Slot))
		}
		c, err := r.iocb(o, r.flags)
		if err != nil {
			return err
		}
		b = c.AppendTo(b)
	}
	return r.write(b)
}

func (r *raw) Next() ([]Answer, error) {
	const size = 32 // sizeof(struct io_event)
	b := make([]byte, 64*size)
	n, err := IgnoringEINTR(func() (int, error) { return syscall.Read(int(r.takes.Fd()), b) })
	if err == nil && (n <= 0 || n%size != 0) {
		err = fmt.Errorf("%d bytes of events", n)
	}
	if err != nil {
		return nil, err
	}
	var all []Answer
	for e := b[:n]; len(e) > 0; e = e[size:] {
		all = append(all, Answer{binary.NativeEndian.Uint64(e), int64(binary.NativeEndian.Uint64(e[16:]))})
	}
	return all, nil
}

// native is raw with descriptors and memory of this process.
type native struct {
	*raw
	memfd *os.File
	unmap func()
}

const nativeSize = 1 << 20 // as buf has it

func openNative(dir string, files []*os.File) (Lane, error) {
	fd, err := unix.MemfdCreate("native", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	memfd := os.NewFile(uintptr(fd), "native")
	err = memfd.Truncate(nativeSize)
	at, err2 := unix.MmapPtr(fd, 0, nil, nativeSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	r, err3 := openRaw(dir, os.O_RDONLY)
	if err := errors.Join(err, err2, err3); err != nil {
		memfd.Close()
		return nil, err
	}
	r.arena, r.flags, r.fd = arena{memfd, uint64(uintptr(at))}, 0, func(slot uint32) int { return int(files[slot].Fd()) }
	unmap := func() { // but let nobody else have the addresses: what a read in flight brings is still written there
		const reserved = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE | unix.MAP_FIXED
		unix.MmapPtr(-1, 0, at, nativeSize, unix.PROT_NONE, reserved)
	}
	return &native{r, memfd, unmap}, nil
}

func (n *native) Close() {
	n.raw.Close()
	n.unmap()
	n.memfd.Close()
}

// ready is raw that waits for a byte in ready, and then reads what there is.
type ready struct {
	*raw
	bytes *os.File
}

func openReady(dir string) (Lane, error) {
	bytes, err := os.OpenFile(filepath.Join(dir, "ready"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	r, err := openRaw(dir, os.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		bytes.Close()
		return nil, err
	}
	return &ready{r, bytes}, nil
}

func (r *ready) Next() ([]Answer, error) {
	for {
		all, err := r.raw.Next()
		if err != syscall.EAGAIN {
			return all, err
		}
		if _, err := r.bytes.Read(make([]byte, 64)); err != nil { // in Go's poller
			return nil, fmt.Errorf("ready: %w", err)
		}
	}
}

func (r *ready) Close() {
	r.raw.Close()
	r.bytes.Close()
}
