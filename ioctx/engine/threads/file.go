package threads

import (
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// maxRestarts bounds how often a call is made again that says EINTR. The runtime's own signals cause that, but a FUSE
// server can answer with it for ever.
const maxRestarts = 16

// restarting makes a call again while it was interrupted before it did anything.
func restarting(r *engine.Request, call func(*engine.Request) (int, error)) (n int, err error) {
	for range maxRestarts {
		if n, err = call(r); err != unix.EINTR {
			break
		}
	}
	return n, err
}

func fsync(r *engine.Request) (int, error)     { return 0, unix.Fsync(int(r.FD)) }
func fdatasync(r *engine.Request) (int, error) { return 0, unix.Fdatasync(int(r.FD)) }
func pread(r *engine.Request) (int, error)     { return unix.Pread(int(r.FD), r.Buf, r.Off) }
func pwrite(r *engine.Request) (int, error)    { return unix.Pwrite(int(r.FD), r.Buf, r.Off) }

// transfer reads or writes at the request's offset.
func (o *op) transfer() (int, error) {
	r := o.r
	switch {
	case r.Off < 0:
		return 0, unix.EINVAL // preadv2(2) takes -1 for the file's own position
	case r.RWF != 0 || r.Iov != nil:
		return o.transferv(o.segments(0), r.Off, r.RWF)
	case r.Op == engine.OpRead:
		return restarting(r, pread)
	default:
		return restarting(r, pwrite)
	}
}

// transferv is preadv2(2) or pwritev2(2); off -1 is the position of the file, which streams do not have.
func (o *op) transferv(iov [][]byte, off int64, rwf uint32) (n int, err error) {
	call := unix.Pwritev2
	if o.r.Op == engine.OpRead {
		call = unix.Preadv2
	}
	for range maxRestarts {
		if n, err = call(int(o.r.FD), iov, off, int(rwf)); err != unix.EINTR {
			break
		}
	}
	return n, err
}

// segments are what is left of the request after its first skip bytes, which are not all of it.
func (o *op) segments(skip int) [][]byte {
	if o.r.Iov == nil {
		o.single[0] = o.r.Buf[skip:]
		return o.single[:]
	}
	rest := o.r.Iov
	for skip > 0 && skip >= len(rest[0]) {
		skip -= len(rest[0])
		rest = rest[1:]
	}
	if skip > 0 {
		rest = append([][]byte{rest[0][skip:]}, rest[1:]...)
	}
	return rest
}

// size is how many bytes the request asks for.
func (o *op) size() int {
	if o.r.Iov == nil {
		return len(o.r.Buf)
	}
	n := 0
	for _, b := range o.r.Iov {
		n += len(b)
	}
	return n
}
