package integration

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// cancel cancels what does not end by itself.
func (l *life) cancel(dir string, went int) (err error) {
	for tag := 7; tag <= went; tag++ {
		err = errors.Join(err, writeFile(filepath.Join(dir, "cancel"), fmt.Sprintf("tag=%d\n", tag)))
	}
	if errors.Is(err, syscall.ENOENT) { // it ended by itself, as its event says
		return nil
	}
	return err
}

func (l *life) readBuf(dir string, b []byte) error {
	f, err := os.Open(filepath.Join(dir, "buf"))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(b, 0)
	return err
}

func samePattern(b []byte, off int64) error {
	if !bytes.Equal(b, client.Pattern(off, len(b))) {
		return errors.New("these are other bytes")
	}
	return nil
}

// slots writes lines to files, each once more where it is refused, and says whether all were taken.
func (l *life) slots(dir string, lines ...string) (all bool) {
	all = true
	for _, line := range lines {
		if err := writeFile(filepath.Join(dir, "files"), line); err != nil {
			l.refused("files", dir, err)
			all = l.did("files again", writeFile(filepath.Join(dir, "files"), line)) && all
		}
	}
	return all
}

// submit writes requests, once more what is refused, and returns how many were taken.
func (l *life) submit(dir string, requests [][]byte) (went int) {
	fd, err := syscall.Open(filepath.Join(dir, "submit"), syscall.O_WRONLY, 0)
	if !l.did("open submit", err) {
		return 0
	}
	defer syscall.Close(fd)
	for range 3 {
		n, err := ignoringEINTR(func() (int, error) { return syscall.Write(fd, bytes.Join(requests[went:], nil)) })
		for n > 0 && n >= len(requests[went]) {
			n -= len(requests[went])
			if went++; went == len(requests) {
				return went
			}
		}
		if n > 0 {
			l.did("submit", errors.New("a count that ends within a request"))
		}
		l.refused("submit", dir, err)
	}
	return went
}

// refused notes why a write was refused; err is nil where its count was short. error_log must say the same.
func (l *life) refused(step, dir string, err error) {
	text, failed := os.ReadFile(filepath.Join(dir, "error_log"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	words := strings.Fields(lines[len(lines)-1])
	if failed == nil && err != nil && !slices.Contains(words, errnoName(err)) {
		failed = fmt.Errorf("%q does not say why: %v", text, err)
	}
	l.did("error_log", failed)
	if err == nil {
		for _, w := range words[:min(len(words), 3)] {
			if errno := errnoNamed(w); errno != 0 {
				err = errno
			}
		}
	}
	if err == nil {
		err = fmt.Errorf("a short count, and error_log says %q", text)
	}
	l.did(step, err)
}

func errnoName(err error) string {
	var errno syscall.Errno
	errors.As(err, &errno)
	return unix.ErrnoName(errno)
}

// errnoNamed is 0 where there is none of that name.
func errnoNamed(name string) syscall.Errno {
	for e := syscall.Errno(1); e < 134; e++ {
		if unix.ErrnoName(e) == name {
			return e
		}
	}
	return 0
}

// events takes n events, as io_getevents, and returns the results by tag.
func (l *life) events(dir string, n int) map[uint64]int64 {
	res := map[uint64]int64{}
	f, err := os.OpenFile(filepath.Join(dir, "events_raw"), os.O_RDWR, 0)
	if !l.did("open events_raw", err) {
		return res
	}
	defer f.Close()
	_, err = f.WriteString(fmt.Sprint("min=1 timeout=", testenv.Patience))
	l.did("events_raw", err)
	b := make([]byte, 32*16)
	for len(res) < n {
		got, err := f.Read(b)
		if !l.did("events_raw", err) {
			return res
		}
		for e := b[:got]; len(e) > 0; e = e[32:] {
			tag, r := binary.NativeEndian.Uint64(e), int64(binary.NativeEndian.Uint64(e[16:]))
			if _, twice := res[tag]; twice {
				l.did("events_raw", fmt.Errorf("two events of %d", tag))
			}
			if r < 0 && !(r == -int64(syscall.ECANCELED) && tag >= 7) {
				l.did(fmt.Sprint("event of ", tag), syscall.Errno(-r))
			}
			res[tag] = r
		}
	}
	return res
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
	_, err = ignoringEINTR(func() (int, error) { // it comes after the event
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

// takeOne takes an event when a writer waits for a slot, or has written something.
func takeOne(dir string, written <-chan int) error {
	for waits := false; !waits; {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			return err
		}
		waits = bytes.Contains(stat, []byte("\nslot_waits 1\n"))
		select {
		case went := <-written:
			if went == 0 {
				return nil
			}
			waits = true
		default:
		}
	}
	f, err := os.Open(filepath.Join(dir, "events_raw"))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 32))
	return err
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
