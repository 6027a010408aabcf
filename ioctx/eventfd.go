package ioctx

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// eventfd is an eventfd of a caller that requests signal: IOCB_FLAG_RESFD. It holds nothing of a context, so it is signalled after the
// kill too.
type eventfd struct {
	file    *file
	refs    atomic.Int32
	pending atomic.Uint64 // completions not added yet
	task    threads.Task
}

// eventfd is what a descriptor of the caller is, with a reference. EBADF, and EINVAL where it is no eventfd.
func (p *process) eventfd(fd int32) (*eventfd, error) {
	for _, e := range p.events {
		if e.fd == fd {
			return e.event.get(), nil
		}
	}
	f, err := p.file(fd)
	if err != nil {
		return nil, err
	}
	link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.fd))
	if err != nil || link != "anon_inode:[eventfd]" {
		f.put()
		return nil, refuse(syscall.EINVAL, err, fmt.Sprintf("aio_resfd %d is no eventfd", fd))
	}
	e := &eventfd{file: f}
	e.refs.Store(1)
	e.task = threads.Task{Class: engine.ClassStream, Share: p.ctx.aside, Run: e.add}
	p.events = append(p.events, callerEvent{fd, e})
	return e.get(), nil
}

func (e *eventfd) get() *eventfd {
	e.refs.Add(1)
	return e
}

func (e *eventfd) put() {
	if e.refs.Add(-1) == 0 {
		e.file.put()
	}
}

// signal is eventfd_signal, for an event that is visible. It does not block: a pool thread writes, since the counter may be full and
// the description one that waits then.
func (e *eventfd) signal() {
	if e.pending.Add(1) == 1 {
		e.get()
		e.file.ctx.table.cfg.Pool.Go(&e.task)
	}
}

// add adds to the counter what has been signalled. To one that is full nothing is added: whoever waits for it has been woken, and the
// kernel's own would stop counting too.
func (e *eventfd) add(*threads.Thread) {
	defer e.put()
	var n [8]byte
	binary.NativeEndian.PutUint64(n[:], e.pending.Swap(0))
	room := []unix.PollFd{{Fd: int32(e.file.fd), Events: unix.POLLOUT}}
	if ready, err := unix.Poll(room, 0); err == nil && ready == 1 {
		unix.Write(e.file.fd, n[:])
	}
}
