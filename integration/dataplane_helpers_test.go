package integration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
	"golang.org/x/sys/unix"
)

// A plane is a Go client of a context's shared memory. Its errors are returned, since it is used by processes of their own too.
type plane struct {
	sq    *ring.Submitter
	ring  *ring.Reaper
	buf   []byte
	bell  *os.File
	ready *os.File
	files []*os.File // sq, ring and buf, which the mappings do not need
	iocb  []byte     // scratch
}

// openPlane maps a context's directory.
func openPlane(dir string) (_ *plane, err error) {
	p := &plane{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	for _, name := range []string{"sq", "ring", "buf"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	if p.sq, err = ring.MapSubmitter(p.files[0]); err != nil {
		return nil, err
	}
	if p.ring, err = ring.MapReaper(p.files[1]); err != nil {
		return nil, err
	}
	if p.buf, err = mapAll(p.files[2]); err != nil {
		return nil, err
	}
	if p.bell, err = os.OpenFile(filepath.Join(dir, "doorbell"), os.O_WRONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, err
	}
	p.ready, err = os.OpenFile(filepath.Join(dir, "ready"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	return p, err
}

// mapAll maps a file of a context.
func mapAll(f *os.File) ([]byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// unmap and closeFiles are close in two steps.
func (p *plane) unmap() {
	if p.sq != nil {
		p.sq.Close()
	}
	if p.ring != nil {
		p.ring.Close()
	}
	if p.buf != nil {
		unix.Munmap(p.buf)
	}
	p.sq, p.ring, p.buf = nil, nil, nil
}

func (p *plane) closeFiles() {
	for _, f := range append(p.files, p.bell, p.ready) {
		f.Close() // of nil too
	}
	p.files, p.bell, p.ready = nil, nil, nil
}

func (p *plane) close() {
	p.unmap()
	p.closeFiles()
}

// push writes a request behind the others; false: sq is full.
func (p *plane) push(c iocb.Iocb) bool {
	p.iocb = c.AppendTo(p.iocb[:0])
	return p.sq.Push(p.iocb)
}

// publish shows what was pushed. EPIPE after the kill.
func (p *plane) publish() error {
	if !p.sq.Publish() {
		return nil
	}
	_, err := p.bell.Write([]byte{1})
	return err
}

// reap waits for events and takes them.
func (p *plane) reap(events []ring.IOEvent) (int, error) {
	for {
		if n := p.ring.Reap(events); n > 0 {
			return n, nil
		}
		if _, err := p.ready.Read(make([]byte, 64)); err != nil {
			return 0, fmt.Errorf("ready: %w", err)
		}
	}
}

// plane maps a context of d until the test ends; where memory is not shared the test ends here.
func (d *daemon) plane(c string) *plane {
	d.t.Helper()
	p, err := openPlane(d.path(c))
	if errors.Is(err, syscall.ENODEV) {
		d.check(os.Remove(d.path(c)))
		testenv.Lacks(d.t, "memory is not shared here")
	}
	d.check(err)
	d.t.Cleanup(p.close)
	return p
}

// nop is a request that needs nothing.
func nop(tag uint64) iocb.Iocb { return iocb.Iocb{Data: tag, LioOpcode: uint16(iocb.CmdNoop)} }

// sharedRead is a read of a slot of files into buf.
func sharedRead(tag uint64, slot uint32, buf, nbytes uint64, off int64) iocb.Iocb {
	return iocb.Iocb{
		Data: tag, LioOpcode: uint16(iocb.CmdPread), Fildes: slot, Buf: buf, Nbytes: nbytes, Offset: off,
		Flags: iocb.FlagFile | iocb.FlagBuf,
	}
}
