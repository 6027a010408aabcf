package client

import (
	"encoding/binary"
	"io"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// An Op is one request, whichever way it is submitted.
type Op struct {
	Tag  uint64
	Cmd  iocb.Cmd
	Slot uint32 // of files
	Off  int64
	N    int // bytes; of a poll the events
	At   int // where in memory its bytes are; of preadv and pwritev first the iovecs and then the bytes, VecRoom in all
}

// iovecs is how many a preadv or pwritev has.
const (
	iovecs    = 4
	iovecSize = 16 // sizeof(struct iovec)
)

// VecRoom is how much memory a preadv or pwritev of n bytes takes.
func VecRoom(n int) int { return iovecs*iovecSize + n }

func (o Op) vec() bool  { return o.Cmd == iocb.CmdPreadv || o.Cmd == iocb.CmdPwritev }
func (o Op) rw() bool   { return o.vec() || o.Cmd == iocb.CmdPread || o.Cmd == iocb.CmdPwrite }
func (o Op) file() bool { return o.Cmd != iocb.CmdNoop }

// A piece is a part of a request's memory.
type piece struct{ at, n int }

// pieces are in the order of the file, which is not that of memory.
func (o Op) pieces() (all []piece) {
	if !o.vec() {
		return []piece{{o.At, o.N}}
	}
	for i, end, left := 0, o.At+VecRoom(o.N), o.N; i < iovecs; i++ {
		n := left / (iovecs - i)
		end, left = end-n, left-n
		all = append(all, piece{end, n})
	}
	return all
}

// memory is where the bytes of requests lie: buf or a client's own.
type memory interface {
	io.ReaderAt
	io.WriterAt
}

// arena is memory and the number by which requests know its beginning.
type arena struct {
	memory
	base uint64
}

// Fill writes b to where the request has its bytes.
func (a arena) Fill(o Op, b []byte) error {
	for _, p := range o.pieces() {
		if _, err := a.WriteAt(b[:p.n], int64(p.at)); err != nil {
			return err
		}
		b = b[p.n:]
	}
	return nil
}

// Got reads from where the request has its bytes.
func (a arena) Got(o Op, n int) ([]byte, error) {
	b := make([]byte, n)
	rest := b
	for _, p := range o.pieces() {
		p.n = min(p.n, len(rest))
		if _, err := a.ReadAt(rest[:p.n], int64(p.at)); err != nil {
			return nil, err
		}
		rest = rest[p.n:]
	}
	return b, nil
}

// iocb is o as the binary lanes submit it; an array of iovecs is written by the way.
func (a arena) iocb(o Op, flags uint32) (iocb.Iocb, error) {
	c := iocb.Iocb{Data: o.Tag, LioOpcode: uint16(o.Cmd), Fildes: o.Slot}
	if o.file() {
		c.Flags = flags & iocb.FlagFile
	}
	if o.Cmd == iocb.CmdPoll {
		c.Buf = uint64(o.N)
	}
	if !o.rw() {
		return c, nil
	}
	c.Buf, c.Nbytes, c.Offset, c.Flags = a.base+uint64(o.At), uint64(o.N), o.Off, flags
	if !o.vec() {
		return c, nil
	}
	c.Nbytes = iovecs
	var array []byte
	for _, p := range o.pieces() {
		array = binary.NativeEndian.AppendUint64(array, a.base+uint64(p.at))
		array = binary.NativeEndian.AppendUint64(array, uint64(p.n))
	}
	_, err := a.WriteAt(array, int64(o.At))
	return c, err
}

// mapped is memory that is mapped here.
type mapped []byte

func (m mapped) ReadAt(b []byte, off int64) (int, error)  { return copy(b, m[off:]), nil }
func (m mapped) WriteAt(b []byte, off int64) (int, error) { return copy(m[off:], b), nil }
