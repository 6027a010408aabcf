package ioctx

import (
	"encoding/binary"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// writer finds what a request names, of the context and of the process that writes it.
type writer interface {
	// slot is the file in a slot of the context's, with a reference for the request.
	slot(n uint32) (*file, error)
	// origin is from where path resolves, with a reference for the request.
	origin(path string) (*origin, error)
	// file is what a descriptor of his is, with a reference for the request.
	file(fd int32) (*file, error)
	// eventfd is what a descriptor of his is, with a reference for the request.
	eventfd(fd int32) (*eventfd, error)
	// memory is what a request names of his memory.
	memory(r *iocb.Request, m *copied) error
}

// prepare finds the file and the memory of a request, for what can be told at the write. What depends on a file by path is left to
// the stage and comes in the event.
func (c *Kioctx) prepare(k *kiocb, w writer) (err error) {
	r := &k.req
	var info iocb.FileInfo
	class := engine.ClassLocal
	switch r.File {
	case iocb.FileFD:
		if k.file, err = w.file(r.FD); err != nil {
			return err
		}
		info, class = k.file.info, k.file.class
	case iocb.FileSlot:
		if k.file, err = w.slot(r.Slot); err != nil {
			return err
		}
		k.file.register()
		info, class = k.file.info, k.file.class
	case iocb.FilePath:
		if k.from, err = w.origin(r.Path); err != nil {
			return err
		}
		class = c.table.mounts.classOf(k.from.name(r.Path))
	}
	if r.HasResfd {
		if k.event, err = w.eventfd(r.Resfd); err != nil {
			return err
		}
	}
	if r.File != iocb.FilePath {
		if err := r.Check(info); err != nil {
			return err
		}
	}
	if r.Mem == iocb.MemCaller {
		if err = w.memory(r, &k.mem); err != nil {
			return err
		}
	}
	if r.Mem == iocb.MemOutTag {
		if k.out, err = c.outs.get(r.OutTag); err != nil {
			return &iocb.Refusal{Errno: syscall.ENOENT, Why: "out= names nothing in out/"}
		}
	}
	k.task.Class, k.task.Share, k.task.Cred = class, c.share, c.owner.Cred
	k.phase = phaseStart
	if k.staged() {
		k.phase = phaseStage
	}
	return nil
}

// staged says whether a pool thread must touch the file before the engine can: to open it, or to find its end.
func (k *kiocb) staged() bool {
	return k.req.File == iocb.FilePath || k.req.Mem != iocb.MemOutTag && k.req.Len == iocb.LenToEnd
}

// fill makes a request whose file is open into what an engine takes. Its errors come in the event.
func (k *kiocb) fill() error {
	r, io := &k.req, &k.io
	io.Op, io.Class, io.FD, io.Fixed = engine.OpNop, engine.ClassLocal, -1, 0
	io.Ioprio, io.RWF, io.Events, io.Off = 0, r.RWF, r.Events, r.Off
	if k.file != nil {
		io.FD, io.Class, io.Fixed = int32(k.file.fd), k.file.class, k.file.fixed
	}
	if r.HasIoprio {
		io.Ioprio = r.Ioprio
	}
	switch r.Cmd {
	case iocb.CmdPread, iocb.CmdPreadv:
		io.Op = engine.OpRead
	case iocb.CmdPwrite, iocb.CmdPwritev:
		io.Op = engine.OpWrite
	case iocb.CmdFsync:
		io.Op = engine.OpFsync
	case iocb.CmdFdsync:
		io.Op = engine.OpFdsync
	case iocb.CmdPoll:
		io.Op = engine.OpPoll
	}
	return k.fillMemory()
}

// fillMemory sets Buf or Iov. A length over what read(2) transfers at most is cut to it, as there.
func (k *kiocb) fillMemory() (err error) {
	r, io := &k.req, &k.io
	n := r.Len
	if n == iocb.LenToEnd {
		n = k.toEnd
	}
	n = min(n, iocb.MaxRWCount)
	switch r.Mem {
	case iocb.MemStr:
		io.Buf = r.Str
	case iocb.MemOutTag:
		io.Buf = k.out.bytes()
		if r.Len != iocb.LenToEnd {
			io.Buf = io.Buf[:min(n, int64(len(io.Buf)))]
		}
	case iocb.MemDiscard:
		io.Buf, io.Iov, err = k.ctx.table.discard(n, k.iov)
	case iocb.MemOut:
		if k.out, err = k.ctx.outs.reserve(k.ctx, k.tag, n); err == nil {
			io.Buf = k.out.room()
		}
	case iocb.MemBuf:
		return k.fillBuf(n)
	case iocb.MemCaller:
		io.Buf, err = k.mem.bytes()
	}
	return err
}

// fillBuf sets Buf or Iov to what the request names of buf.
func (k *kiocb) fillBuf(n int64) error {
	mem, err := k.ctx.buf.use(k.ctx)
	if err != nil {
		return err
	}
	r, io := &k.req, &k.io
	if !r.Vec {
		io.Buf, err = slice(mem, r.MemOff, uint64(n))
		return err
	}
	if k.iov, err = gather(mem, r.MemOff, uint64(r.Len), k.iov[:0]); err != nil {
		return err
	}
	total := int64(0)
	for _, seg := range k.iov {
		total += int64(len(seg))
	}
	io.Iov = k.iov
	return r.VerifyArea(total)
}

// slice is [off, off+n) of buf; EFAULT where that is not all there.
func slice(mem []byte, off, n uint64) ([]byte, error) {
	if off > uint64(len(mem)) || n > uint64(len(mem))-off {
		return nil, syscall.EFAULT
	}
	return mem[off : off+n : off+n], nil
}

// gather reads n struct iovec at off in buf, whose bases are offsets into buf. Each is copied before it is checked, since the memory
// is the client's too.
func gather(mem []byte, off, n uint64, iov [][]byte) ([][]byte, error) {
	const size = 16 // sizeof(struct iovec): base and length
	array, err := slice(mem, off, n*size)
	if err != nil {
		return iov, err
	}
	total := uint64(0)
	for ; len(array) > 0; array = array[size:] {
		base, length := binary.NativeEndian.Uint64(array), binary.NativeEndian.Uint64(array[8:])
		length = min(length, iocb.MaxRWCount-total)
		seg, err := slice(mem, base, length)
		if err != nil {
			return iov, err
		}
		total += length
		iov = append(iov, seg)
	}
	return iov, nil
}

// discard returns n bytes of memory that nobody looks at, which all such reads share: one segment, or the same one many times. At
// most 1 GiB fits into as many as there may be, and what is over makes a short read.
func (t *Table) discard(n int64, iov [][]byte) ([]byte, [][]byte, error) {
	mem, err := t.trash.get()
	if err != nil || n <= int64(len(mem)) {
		return mem[:min(n, int64(len(mem)))], nil, err
	}
	for iov = iov[:0]; n > 0 && len(iov) < iocb.MaxIov; n -= int64(len(mem)) {
		iov = append(iov, mem[:min(n, int64(len(mem)))])
	}
	return nil, iov, nil
}
