package integration

import (
	"encoding/binary"
	"slices"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// A raw is a context used by plain system calls: os.File would wait where these say EAGAIN, and go on after a short count.
type raw struct {
	*daemon
	submit, events int
}

func (d *daemon) raw(nrEvents string, submitFlags, eventsFlags int) raw {
	d.t.Helper()
	c := d.mkdir("4000000000")
	d.put(nrEvents, c, "nr_events")
	open := func(name string, flags int) int {
		fd, err := syscall.Open(d.path(c, name), flags|syscall.O_CLOEXEC, 0)
		d.check(err)
		d.t.Cleanup(func() { syscall.Close(fd) })
		return fd
	}
	return raw{d, open("submit", syscall.O_WRONLY|submitFlags), open("events_raw", eventsFlags)}
}

// takes writes iocbs and wants the first n of them to be taken, or an errno if it is none.
func (r raw) takes(n int, errno error, iocbs ...iocb.Iocb) {
	r.t.Helper()
	var b []byte
	for _, c := range iocbs {
		b = c.AppendTo(b)
	}
	got, err := syscall.Write(r.submit, b)
	if max(got, 0) != n*iocb.Size || err != errno {
		r.t.Errorf("%d bytes were taken, %v; want %d, %v", got, err, n*iocb.Size, errno)
	}
}

// gives reads once and wants the events of tags, or an errno if there are none.
func (r raw) gives(errno error, tags ...uint64) {
	r.t.Helper()
	b := make([]byte, 4096)
	n, err := syscall.Read(r.events, b)
	events := make([]ring.IOEvent, max(n, 0)/binary.Size(ring.IOEvent{}))
	if len(events) > 0 {
		_, decodeErr := binary.Decode(b, binary.NativeEndian, events)
		r.check(decodeErr)
	}
	got := []uint64{}
	for _, e := range events {
		got = append(got, e.Data)
	}
	if !slices.Equal(got, tags) || err != errno {
		r.t.Errorf("events of tags %d, %v; want %d, %v", got, err, tags, errno)
	}
}

func nops(tags ...uint64) (all []iocb.Iocb) {
	for _, tag := range tags {
		all = append(all, client.Noop(tag))
	}
	return all
}

// The count says exactly what was taken: up to the first iocb without a slot, or the first that is refused.
func TestBinaryShortCounts(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		r := d.raw("4", syscall.O_NONBLOCK, syscall.O_RDONLY|syscall.O_NONBLOCK)
		r.takes(4, nil, nops(0, 1, 2, 3, 4, 5)...)
		r.takes(0, syscall.EAGAIN, nops(4)...)
		r.gives(nil, 0, 1, 2, 3)
		r.gives(syscall.EAGAIN)
		bad := iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop), Flags: 1 << 20}
		r.takes(2, nil, append(nops(4, 5), bad, client.Noop(6))...)
		r.takes(0, syscall.EINVAL, bad)
		r.gives(nil, 4, 5)
	})
}

// min= and timeout= make a read io_getevents.
func TestBinaryGetevents(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		r := d.raw("16", 0, syscall.O_RDWR)
		set := func(text string) {
			_, err := syscall.Write(r.events, []byte(text))
			d.check(err)
		}
		set("min=4 timeout=10ms")
		r.gives(nil)
		r.takes(2, nil, nops(1, 2)...)
		r.gives(nil, 1, 2)
		r.takes(5, nil, nops(1, 2, 3, 4, 5)...)
		r.gives(nil, 1, 2, 3, 4, 5)
		set("timeout=inf")
		submitted := make(chan struct{})
		go func() {
			defer close(submitted)
			for tag := range uint64(4) {
				r.takes(1, nil, client.Noop(tag))
			}
		}()
		r.gives(nil, 0, 1, 2, 3)
		<-submitted
	})
}
