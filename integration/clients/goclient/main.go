// Command goclient is a Go client of aiofs: struct iocb in, struct io_event out.
//
//	goclient MOUNT FILE
//
// FILE holds 512 KiB. It says nothing and exits with 0, or says what was wrong.
//
// It declares the structs itself, as a program without this module would.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// iocb is struct iocb of linux/aio_abi.h on a little-endian machine.
type iocb struct {
	Data      uint64
	Key       uint32
	RWFlags   uint32
	Opcode    uint16
	Reqprio   int16
	Fildes    uint32
	Buf       uint64
	Nbytes    uint64
	Offset    int64
	Reserved2 uint64
	Flags     uint32
	Resfd     uint32
}

// event is struct io_event.
type event struct {
	Data, Obj uint64
	Res, Res2 int64
}

const (
	iocbSize, eventSize = 64, 32

	opPread, opNoop   = 0, 6
	flagFile, flagBuf = 1 << 30, 1 << 31
)

func main() {
	defer func() {
		if err := recover(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	mount, path := os.Args[1], os.Args[2]
	splitWrites(mount, path)
	partialAccept(mount)
	getevents(mount)
	text(mount, path)
}

// check panics where something is not as it must be.
func check(ok bool, format string, a ...any) {
	if !ok {
		panic(fmt.Sprintf(format, a...))
	}
}

func must[T any](v T, err error) T {
	check(err == nil, "%v", err)
	return v
}

// context is one that lives as long as its descriptor on ctx/new.
type context struct {
	alive *os.File
	dir   string
}

func newContext(mount string, nrEvents int) context {
	alive := must(os.Open(filepath.Join(mount, "ctx/new")))
	number := make([]byte, 32)
	n := must(alive.Read(number))
	c := context{alive, filepath.Join(mount, "ctx", strings.TrimSpace(string(number[:n])))}
	c.put("nr_events", fmt.Sprintln(nrEvents))
	return c
}

func (c context) open(name string, flags int) *os.File {
	return must(os.OpenFile(filepath.Join(c.dir, name), flags, 0))
}

func (c context) put(name, text string) {
	f := c.open(name, os.O_WRONLY)
	defer f.Close()
	must(f.WriteString(text))
}

func pack(iocbs ...iocb) []byte {
	var b bytes.Buffer
	check(binary.Write(&b, binary.NativeEndian, iocbs) == nil, "packing")
	return b.Bytes()
}

func noops(tags ...uint64) []byte {
	var batch []iocb
	for _, tag := range tags {
		batch = append(batch, iocb{Data: tag, Opcode: opNoop})
	}
	return pack(batch...)
}

// write is write(2), once: what os.File does with a short count is for files.
func write(f *os.File, p []byte) (n int, err error) {
	conn := must(f.SyscallConn())
	check(conn.Control(func(fd uintptr) {
		for n, err = -1, syscall.EINTR; err == syscall.EINTR; {
			n, err = syscall.Write(int(fd), p)
		}
	}) == nil, "control")
	return n, err
}

// reap reads once.
func reap(f *os.File, size int) (events []event) {
	b := make([]byte, size)
	n := must(f.Read(b))
	check(n%eventSize == 0, "%d bytes of events", n)
	events = make([]event, n/eventSize)
	check(binary.Read(bytes.NewReader(b[:n]), binary.NativeEndian, events) == nil, "unpacking")
	return events
}

func wantTags(events []event, tags ...uint64) {
	check(len(events) == len(tags), "%v, want tags %v", events, tags)
	for i, e := range events {
		check(e.Data == tags[i], "%v, want tags %v", events, tags)
	}
}

// splitWrites: the kernel cuts a large write where pages end, which is in the midst of an iocb where the memory is not aligned.
func splitWrites(mount, path string) {
	const size, piece = 512 << 10, 64
	const n = size / piece
	c := newContext(mount, n)
	defer c.alive.Close()
	c.put("files", "open 0 open=rdonly "+path+"\n")
	batch := make([]iocb, n)
	for i := range batch {
		at := uint64(i * piece)
		batch[i] = iocb{Data: uint64(i), Opcode: opPread, Buf: at, Nbytes: piece, Offset: int64(at), Flags: flagFile | flagBuf}
	}
	memory := must(syscall.Mmap(-1, 0, n*iocbSize+17, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON))[17:]
	copy(memory, pack(batch...))
	submit, raw := c.open("submit", os.O_WRONLY), c.open("events_raw", os.O_RDONLY)
	writes := 0
	for rest := memory; len(rest) > 0; writes++ {
		count := must(write(submit, rest))
		check(count%iocbSize == 0, "%d bytes were taken", count)
		rest = rest[count:]
	}
	check(writes > 1, "the write was not split, so this has shown nothing")
	seen := make([]bool, n)
	for left := n; left > 0; {
		for _, e := range reap(raw, 1<<20) {
			check(!seen[e.Data] && e.Res == piece && e.Res2 == 0, "%v", e)
			seen[e.Data] = true
			left--
		}
	}
	got := make([]byte, size)
	must(c.open("buf", os.O_RDONLY).ReadAt(got, 0))
	check(bytes.Equal(got, must(os.ReadFile(path))), "buf holds other bytes")
}

// partialAccept: the count says exactly what was taken: up to the first iocb without a slot, or the first that is refused.
func partialAccept(mount string) {
	c := newContext(mount, 4)
	defer c.alive.Close()
	submit := c.open("submit", os.O_WRONLY|syscall.O_NONBLOCK)
	raw := c.open("events_raw", os.O_RDONLY|syscall.O_NONBLOCK)
	n := must(write(submit, noops(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)))
	check(n == 4*iocbSize, "%d bytes were taken", n)
	_, err := write(submit, noops(4))
	check(err == syscall.EAGAIN, "%v", err)
	wantTags(reap(raw, 4096), 0, 1, 2, 3)

	bad := pack(iocb{Opcode: opNoop, Flags: 1 << 20})
	n = must(write(submit, append(noops(4, 5), bad...)))
	check(n == 2*iocbSize, "%d bytes were taken", n)
	_, err = write(submit, bad)
	check(err == syscall.EINVAL, "%v", err)
	wantTags(reap(raw, 4096), 4, 5)
	submit.Close()
	raw.Close()
}

// getevents: min= and timeout= make a read io_getevents. Only lower bounds of time can be relied on.
func getevents(mount string) {
	c := newContext(mount, 16)
	defer c.alive.Close()
	submit, raw := c.open("submit", os.O_WRONLY), c.open("events_raw", os.O_RDWR)
	must(raw.WriteString("min=4 timeout=100ms"))
	begun := time.Now()
	n, err := raw.Read(make([]byte, 4096))
	check(n == 0 && err != nil && err.Error() == "EOF", "%d, %v", n, err)
	must(write(submit, noops(1, 2)))
	wantTags(reap(raw, 4096), 1, 2)
	check(time.Since(begun) >= 200*time.Millisecond, "two timeouts took %v", time.Since(begun))
	must(write(submit, noops(1, 2, 3, 4, 5)))
	wantTags(reap(raw, 4096), 1, 2, 3, 4, 5)
	_, err = raw.Read(make([]byte, 3*eventSize))
	check(errors.Is(err, syscall.EINVAL), "%v", err)

	must(raw.WriteString("timeout=inf"))
	done := make(chan []event)
	go func() { done <- reap(raw, 4096) }()
	for tag := range uint64(4) {
		must(write(submit, noops(tag)))
	}
	wantTags(<-done, 0, 1, 2, 3)
	submit.Close()
	raw.Close()
}

// text reads events with os.Open, whose runtime makes every descriptor nonblocking by fcntl, to their end.
func text(mount, path string) {
	c := newContext(mount, 16)
	defer c.alive.Close()
	events := must(os.Open(filepath.Join(c.dir, "events")))
	line := make(chan string)
	go func() {
		b := make([]byte, 4096)
		line <- string(b[:must(events.Read(b))])
	}()
	c.put("submit", "pread tag=7 off=8 len=8 "+path+"\n")
	got := <-line
	check(strings.HasPrefix(got, "7 8 - seq=1 op=pread "), "%s", got)
	n, err := events.Read(make([]byte, 10))
	check(n == 0 && err != nil && err.Error() == "EOF", "%d, %v", n, err)
	events.Close() // else the next end of file would be told here
	c.put("submit", "noop\nnoop\n")
	all := string(must(os.ReadFile(filepath.Join(c.dir, "events"))))
	check(strings.Count(all, "\n") == 2, "%s", all)
	out := must(os.ReadFile(filepath.Join(c.dir, "out/7")))
	check(bytes.Equal(out, must(os.ReadFile(path))[8:16]), "out/7 holds %q", out)
}
