package client

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// A Plane is a context's shared memory.
type Plane struct {
	SQ    *ring.Submitter
	Ring  *ring.Reaper
	Buf   []byte
	Bell  *os.File
	Ready *os.File
	Files []*os.File // sq, ring and buf, which the mappings do not need
	iocb  []byte     // scratch
}

// OpenPlane maps a context's directory. ENODEV where memory is not shared.
func OpenPlane(dir string) (_ *Plane, err error) {
	p := &Plane{}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	for _, name := range []string{"sq", "ring", "buf"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, f)
	}
	if p.SQ, err = ring.MapSubmitter(p.Files[0]); err != nil {
		return nil, err
	}
	if p.Ring, err = ring.MapReaper(p.Files[1]); err != nil {
		return nil, err
	}
	if p.Buf, err = Map(p.Files[2]); err != nil {
		return nil, err
	}
	if p.Bell, err = os.OpenFile(filepath.Join(dir, "doorbell"), os.O_WRONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, err
	}
	p.Ready, err = os.OpenFile(filepath.Join(dir, "ready"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	return p, err
}

// Map maps all of a file of a context.
func Map(f *os.File) ([]byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// Unmap and CloseFiles are Close in two steps.
func (p *Plane) Unmap() {
	if p.SQ != nil {
		p.SQ.Close()
	}
	if p.Ring != nil {
		p.Ring.Close()
	}
	if p.Buf != nil {
		unix.Munmap(p.Buf)
	}
	p.SQ, p.Ring, p.Buf = nil, nil, nil
}

// CloseFiles closes what is open. What is mapped stays.
func (p *Plane) CloseFiles() {
	for _, f := range append(p.Files, p.Bell, p.Ready) {
		f.Close() // of nil too
	}
	p.Files, p.Bell, p.Ready = nil, nil, nil
}

// Close lets go of all.
func (p *Plane) Close() {
	p.Unmap()
	p.CloseFiles()
}

// Push writes a request behind the others; false: sq is full.
func (p *Plane) Push(c iocb.Iocb) bool {
	p.iocb = c.AppendTo(p.iocb[:0])
	return p.SQ.Push(p.iocb)
}

// Publish shows what was pushed. EPIPE after the kill.
func (p *Plane) Publish() error {
	if !p.SQ.Publish() {
		return nil
	}
	_, err := p.Bell.Write([]byte{1})
	return err
}

// Reap waits for events and takes them.
func (p *Plane) Reap(events []ring.IOEvent) (int, error) {
	for {
		if n := p.Ring.Reap(events); n > 0 {
			return n, nil
		}
		if _, err := p.Ready.Read(make([]byte, 64)); err != nil {
			return 0, fmt.Errorf("ready: %w", err)
		}
	}
}

// Noop is a request that needs nothing.
func Noop(tag uint64) iocb.Iocb { return iocb.Iocb{Data: tag, LioOpcode: uint16(iocb.CmdNoop)} }

// SharedRead is a read of a slot of files into buf.
func SharedRead(tag uint64, slot uint32, buf, nbytes uint64, off int64) iocb.Iocb {
	return iocb.Iocb{
		Data: tag, LioOpcode: uint16(iocb.CmdPread), Fildes: slot, Buf: buf, Nbytes: nbytes, Offset: off, Flags: slotsAndBuf,
	}
}

// shared is the lane.
type shared struct {
	*Plane
	arena
	events []ring.IOEvent
}

func openShared(dir string) (Lane, error) {
	p, err := OpenPlane(dir)
	if err != nil {
		return nil, err
	}
	return &shared{p, arena{memory: mapped(p.Buf)}, make([]ring.IOEvent, 64)}, nil
}

func (s *shared) Submit(ops []Op) error {
	for _, o := range ops {
		c, err := s.arena.iocb(o, slotsAndBuf)
		if err != nil {
			return err
		}
		if !s.Push(c) {
			return errors.New("sq is full")
		}
	}
	return s.Publish()
}

func (s *shared) Next() (all []Answer, err error) {
	n, err := s.Reap(s.events)
	for _, e := range s.events[:n] {
		all = append(all, Answer{e.Data, e.Res})
	}
	return all, err
}
