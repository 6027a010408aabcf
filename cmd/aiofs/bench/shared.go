package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// spin is for how long a client looks for completions before it sleeps: less than a disk takes for a few requests.
const spin = time.Millisecond

// sharedPath is a context of a mount through shared memory: sq in, ring out, the bytes in buf, doorbell and ready for who sleeps.
type sharedPath struct {
	filesPath // the context, its file and its buf
	sq        *ring.Submitter
	ring      *ring.Reaper
	mem       []byte // buf
	bell      int
	ready     int
	evs       []ring.IOEvent
	entry     []byte
}

func openShared(s *setup) (path, error) {
	p := &sharedPath{
		filesPath: filesPath{setup: s, held: -1, sub: -1, events: -1}, bell: -1, ready: -1,
		evs: make([]ring.IOEvent, s.Depth), entry: make([]byte, 0, iocb.Size),
	}
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return newQueued(s, p), nil
}

func (p *sharedPath) open() error {
	if err := p.filesPath.open(); err != nil {
		return err
	}
	dir := filepath.Dir(p.buf.Name())
	st, err := p.buf.Stat()
	if err != nil {
		return err
	}
	if p.mem, err = unix.Mmap(int(p.buf.Fd()), 0, int(st.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("mapping buf: %w", err)
	}
	if p.bell, err = openFD(filepath.Join(dir, "doorbell"), unix.O_WRONLY); err != nil {
		return err
	}
	if p.ready, err = openFD(filepath.Join(dir, "ready"), unix.O_RDONLY|unix.O_NONBLOCK); err != nil {
		return err
	}
	err = withFile(filepath.Join(dir, "sq"), func(f *os.File) (err error) {
		p.sq, err = ring.MapSubmitter(f)
		return err
	})
	if err != nil {
		return err
	}
	return withFile(filepath.Join(dir, "ring"), func(f *os.File) (err error) {
		p.ring, err = ring.MapReaper(f)
		return err
	})
}

// withFile opens a file for reading and writing while f has it.
func withFile(name string, f func(*os.File) error) error {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f(file), file.Close())
}

func (p *sharedPath) submit(slots []int, offs []int64) (int, error) {
	c := iocb.Iocb{LioOpcode: uint16(iocb.CmdPread), Nbytes: uint64(p.Block), Flags: iocb.FlagFile | iocb.FlagBuf}
	if p.Write {
		c.LioOpcode = uint16(iocb.CmdPwrite)
	}
	n := 0
	for i, slot := range slots {
		c.Data, c.Buf, c.Offset = uint64(slot), uint64(slot*p.Block), offs[i]
		if p.entry = c.AppendTo(p.entry[:0]); !p.sq.Push(p.entry) {
			break
		}
		n++
	}
	if p.sq.Publish() {
		if _, err := retry(unix.Write, p.bell, []byte{1}); err != nil {
			return n, fmt.Errorf("writing doorbell: %w", err)
		}
	}
	return n, nil
}

// reap looks for a while, since with a disk that answers in tens of microseconds to sleep costs as much again; then it sleeps in
// ready, which it reads before it looks once more.
func (p *sharedPath) reap(done []completion) (int, error) {
	evs := p.evs[:len(done)]
	for began, looks := (time.Time{}), 0; ; looks++ {
		if n := p.ring.Reap(evs); n > 0 {
			for i, ev := range evs[:n] {
				done[i] = completion{int(ev.Data), ev.Res}
			}
			return n, nil
		}
		switch {
		case looks == 0:
			began = time.Now()
		case looks%64 != 0:
		case time.Since(began) > spin:
			if err := p.sleep(); err != nil {
				return 0, err
			}
		default:
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
}

// sleep returns when there may be an event.
func (p *sharedPath) sleep() error {
	fds := []unix.PollFd{{Fd: int32(p.ready), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
		return fmt.Errorf("polling ready: %w", err)
	}
	if fds[0].Revents&unix.POLLIN != 0 {
		var bytes [8]byte
		unix.Read(p.ready, bytes[:])
		return nil
	}
	if fds[0].Revents&unix.POLLHUP != 0 {
		return errors.New("the context has ended with requests in flight")
	}
	return nil
}

// close ends the context, and what was mapped of it.
func (p *sharedPath) close() (err error) {
	if p.sq != nil {
		err = errors.Join(err, p.sq.Close())
	}
	if p.ring != nil {
		err = errors.Join(err, p.ring.Close())
	}
	if p.mem != nil {
		err = errors.Join(err, unix.Munmap(p.mem))
	}
	for _, fd := range []int{p.bell, p.ready} {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	return errors.Join(err, p.filesPath.close())
}
