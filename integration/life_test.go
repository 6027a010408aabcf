package integration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A life is that of a client which does everything once: with text, with struct iocb of its own descriptors and memory, and through shared
// memory. It goes on after what fails, and tries once more what was refused.
type life struct {
	root   string // the mount
	file   string // of pattern, lifeFile bytes and room for more
	pipe   string // nothing will come out of it
	failed []failure
}

type failure struct {
	step string
	err  error
}

func (f failure) String() string { return fmt.Sprintf("%s: %v", f.step, f.err) }

const (
	lifeContext = "4200000000" // the one that it makes by mkdir
	lifeSlots   = 8
	lifeFile    = 1 << 16
)

// newLife is that of a client of d.
func (d *daemon) newLife() life {
	d.t.Helper()
	file := filepath.Join(d.work, "life")
	d.check(os.WriteFile(file, client.Pattern(0, lifeFile), 0o600))
	if os.Geteuid() == 0 {
		d.check(os.Chown(file, 1, 1)) // a context that has lost its maker's capabilities cannot read it
	}
	return life{root: d.dir, file: file, pipe: d.fifo()}
}

// live returns what has failed.
func (l *life) live() []failure {
	l.failed = nil
	l.named()
	l.mapped()
	return l.failed
}

// did notes a failure, and says whether there was none.
func (l *life) did(step string, err error) bool {
	if err != nil {
		l.failed = append(l.failed, failure{step, err})
	}
	return err == nil
}

// named lives in a context that was made by mkdir.
func (l *life) named() {
	dir := filepath.Join(l.root, "ctx", lifeContext)
	if !l.did("mkdir", syscall.Mkdir(dir, 0o700)) {
		return
	}
	l.did("nr_events", writeFile(filepath.Join(dir, "nr_events"), fmt.Sprintln(lifeSlots)))
	l.text(dir)
	l.native(dir)
	l.waits(dir)
	for _, name := range []string{"stat", "inflight", "files"} {
		_, err := os.ReadFile(filepath.Join(dir, name))
		l.did(name, err)
	}
	l.did("rmdir", syscall.Rmdir(dir))
}

// text submits lines, one of which has to be cancelled.
func (l *life) text(dir string) {
	f, err := os.Open(l.file)
	if !l.did("open", err) {
		return
	}
	defer f.Close()
	if !l.slots(dir, fmt.Sprintf("open 0 open=rdwr %s\n", l.file), fmt.Sprintf("dup 1 fd=%d\n", f.Fd())) {
		return
	}
	lines := []string{
		"noop tag=1\n",
		fmt.Sprintf("pread tag=2 off=10 len=100 %s\n", l.file),
		fmt.Sprintf("pread tag=3 fd=%d off=20 len=100 buf=200\n", f.Fd()),
		"pread tag=4 slot=1 off=30 len=100 buf=300\n",
		fmt.Sprintf("pwrite tag=5 slot=0 off=%d str=written\n", lifeFile),
		"fsync tag=6 slot=0\n",
		fmt.Sprintf("pread tag=7 len=1 keep=no %s\n", l.pipe),
		fmt.Sprintf("poll tag=8 events=in %s\n", l.pipe),
	}
	var requests [][]byte
	for _, line := range lines {
		requests = append(requests, []byte(line))
	}
	went := l.submit(dir, requests)
	l.did("cancel", l.cancel(dir, went))
	res := l.events(dir, went)
	if res[2] == 100 {
		b, err := os.ReadFile(filepath.Join(dir, "out/2"))
		l.did("out", errors.Join(err, samePattern(b, 10), os.Remove(filepath.Join(dir, "out/2"))))
	}
	b := make([]byte, 400)
	if res[3] != 100 && res[4] != 100 || !l.did("buf", l.readBuf(dir, b)) {
		return
	}
	if res[3] == 100 {
		l.did("fd", samePattern(b[200:300], 20))
	}
	if res[4] == 100 {
		l.did("slot", samePattern(b[300:], 30))
	}
}

// native submits a struct iocb as io_submit has it, with an eventfd.
func (l *life) native(dir string) {
	file, err1 := os.Open(l.file)
	memory, err2 := unix.MemfdCreate("life", unix.MFD_CLOEXEC)
	bell, err3 := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if !l.did("open", errors.Join(err1, err2, err3)) {
		return
	}
	defer file.Close()
	defer unix.Close(memory)
	defer unix.Close(bell)
	const size = 4096
	err := unix.Ftruncate(memory, size)
	at, err2 := unix.MmapPtr(memory, 0, nil, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if !l.did("mmap", errors.Join(err, err2)) {
		return
	}
	defer unix.MunmapPtr(at, size)
	c := iocb.Iocb{
		Data: 1, LioOpcode: uint16(iocb.CmdPread), Fildes: uint32(file.Fd()), Buf: uint64(uintptr(at)), Nbytes: size, Offset: 100,
		Flags: iocb.FlagResfd, Resfd: uint32(bell),
	}
	if l.submit(dir, [][]byte{c.AppendTo(nil)}) == 0 || l.events(dir, 1)[1] != size {
		return
	}
	b := make([]byte, size)
	_, err = unix.Pread(memory, b, 0)
	l.did("memory", errors.Join(err, samePattern(b, 100)))
	_, err = client.IgnoringEINTR(func() (int, error) { // it comes after the event
		return unix.Poll([]unix.PollFd{{Fd: int32(bell), Events: unix.POLLIN}}, int(testenv.Patience.Milliseconds()))
	})
	if err == nil {
		_, err = unix.Read(bell, b[:8])
	}
	l.did("eventfd", err)
}

// waits writes more requests than there are slots, and waits until somebody takes an event.
func (l *life) waits(dir string) {
	var requests [][]byte
	for tag := range lifeSlots + 1 {
		requests = append(requests, fmt.Appendf(nil, "noop tag=%d\n", tag))
	}
	written, taken := make(chan int, 1), make(chan error, 1)
	go func() { taken <- takeOne(dir, written) }()
	went := l.submit(dir, requests)
	written <- went
	if l.did("the event that is waited for", <-taken) && went > 0 {
		l.events(dir, went-1)
	}
}

// mapped lives in a context made through new, by shared memory.
func (l *life) mapped() {
	alive, err := os.Open(filepath.Join(l.root, "ctx/new"))
	if !l.did("new", err) {
		return
	}
	defer alive.Close()
	number := make([]byte, 32)
	n, err := alive.Read(number)
	if !l.did("new", err) {
		return
	}
	dir := filepath.Join(l.root, "ctx", strings.TrimSpace(string(number[:n])))
	if !l.slots(dir, fmt.Sprintf("open 0 open=rdonly %s\n", l.file)) {
		return
	}
	p, err := client.OpenPlane(dir)
	if !l.did("plane", err) {
		return
	}
	defer p.Close()
	for tag := range uint64(2) {
		p.Push(client.SharedRead(tag, 0, 1000*tag, 1000, int64(tag)))
	}
	l.did("ready", p.Ready.SetReadDeadline(time.Now().Add(testenv.Patience)))
	if !l.did("doorbell", p.Publish()) {
		return
	}
	events := make([]ring.IOEvent, 2)
	for left := 2; left > 0; {
		n, err := p.Reap(events)
		if !l.did("ring", err) {
			return
		}
		for _, e := range events[:n] {
			if e.Res < 0 {
				l.did(fmt.Sprint("event in ring of ", e.Data), syscall.Errno(-e.Res))
			} else {
				l.did("shared buf", samePattern(p.Buf[1000*e.Data:][:1000], int64(e.Data)))
			}
			left--
		}
	}
}
