package threads

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// pipeBuf is PIPE_BUF: what a pipe that polls writable takes without blocking.
const pipeBuf = 4096

// maxVain is after how many reports of readiness that were not true a thread blocks in the file: a socket with something in
// its error queue, for one, says so for ever. io_uring does the same (APOLL_MAX_RETRY).
const maxVain = 128

// streamRWF are the flags that a stream may know. For others EOPNOTSUPP is not RWF_NOWAIT's fault.
const streamRWF = unix.RWF_HIPRI | unix.RWF_DSYNC | unix.RWF_SYNC | unix.RWF_APPEND | unix.RWF_NOAPPEND | unix.RWF_NOSIGNAL

// stream tries to read or write and waits where the file is not ready. A read ends with the first bytes, a write, as a
// blocking one, when everything is written.
func (o *op) stream() {
	for {
		if o.canceled.Load() {
			o.finishStream(o.canceledResult())
			return
		}
		n, err := o.try()
		if n > 0 && o.r.Op == engine.OpWrite {
			o.done += n
			n, o.vain = o.done, 0
		}
		if !o.unfinished(n, err) {
			if err != nil && o.done > 0 {
				n, err = o.done, nil
			}
			o.finishStream(resultOf(n, err))
			return
		}
		switch errno := o.engine.poller.wait(o, directionOf(o.r.Op).events()); errno {
		case 0:
			return // the poller has it
		case unix.EPERM: // a file that cannot be polled: it is always ready
			o.ready, o.plain = true, true
		case unix.ECANCELED: // seen at the top
		default:
			o.finishStream(resultOf(o.done, errno))
			return
		}
	}
}

// unfinished tells whether the request has to wait for more, n bytes and err being what it has come to.
func (o *op) unfinished(n int, err error) bool {
	switch {
	case err == unix.EAGAIN:
	case err == nil && o.r.Op == engine.OpWrite && n > 0 && n < o.size():
	default:
		return false
	}
	return !o.nonblocking()
}

// try makes one attempt, which does not block wherever the kernel can be told so. EAGAIN: not ready.
func (o *op) try() (int, error) {
	r := o.r
	if o.ready {
		o.vain++
		o.plain = o.plain || o.vain > maxVain
	}
	iov := o.segments(o.done)
	if !o.plain {
		n, err := o.transferv(iov, -1, r.RWF|unix.RWF_NOWAIT)
		if err != unix.EOPNOTSUPP || r.RWF&^streamRWF != 0 {
			return n, err
		}
		o.plain = true
	}
	// Ready is the next best promise. Another reader may be faster, and then this thread is blocked, one of its
	// class and share.
	if !o.ready && !o.nonblocking() {
		return 0, unix.EAGAIN
	}
	if r.Op == engine.OpWrite && o.fifo() {
		iov = [][]byte{firstBytes(iov)}
	}
	return o.transferv(iov, -1, r.RWF)
}

// nonblocking tells whether the request's EAGAIN is its result.
func (o *op) nonblocking() bool {
	if o.r.RWF&unix.RWF_NOWAIT != 0 {
		return true
	}
	flags, err := unix.FcntlInt(uintptr(o.r.FD), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_NONBLOCK != 0
}

func (o *op) fifo() bool {
	var st unix.Stat_t
	return unix.Fstat(int(o.r.FD), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}

// firstBytes is as much of the first segment that has any as a pipe takes at once.
func firstBytes(iov [][]byte) []byte {
	for _, b := range iov {
		if len(b) > 0 {
			return b[:min(len(b), pipeBuf)]
		}
	}
	return nil
}

// finishStream lets the next of the file's requests try, and then tells the owner.
func (o *op) finishStream(res int64) {
	o.engine.poller.leave(o)
	o.finish(res)
}
