package integration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"golang.org/x/sys/unix"
)

func init() { roles["hostile"] = beHostile }

// A hostile is a client that writes over all that it shares with the daemon. It is a process of its own, and several goroutines do it
// at once. Race detectors do not look at mapped memory, so they may.
type hostile struct {
	dir     string
	names   []string
	files   []*os.File // by names
	mapped  [][]byte   // by names
	bell    int
	head    atomic.Uint32 // of sq, as far as it is known
	stopped chan struct{}
}

// The words of a header, by their place.
const (
	nrWord, headWord, tailWord, flagsWord = 4, 8, 12, 20
	hostileHeader                         = 64 // of sq
)

// beHostile is the process. args are the directory of a context. It goes on until its stdin ends, or it is killed.
func beHostile(args []string) error {
	h := &hostile{dir: args[0], names: []string{"sq", "ring", "buf"}, stopped: make(chan struct{})}
	if err := h.mapAll(); err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(h.stopped)
	}()
	var all sync.WaitGroup
	for _, attack := range []func() error{h.flood, h.flood, h.scribble, h.cut, h.open, h.control} {
		all.Go(func() {
			for {
				if err := attack(); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				select {
				case <-h.stopped:
					return
				default:
				}
				runtime.Gosched() // the others want their turn too
			}
		})
	}
	fmt.Println("hostile")
	all.Wait()
	return nil
}

// mapAll opens and maps what there is.
func (h *hostile) mapAll() (err error) {
	for _, name := range h.names {
		f, err := os.OpenFile(filepath.Join(h.dir, name), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		m, err := client.Map(f)
		if err != nil {
			return err
		}
		h.files, h.mapped = append(h.files, f), append(h.mapped, m)
	}
	h.bell, err = syscall.Open(filepath.Join(h.dir, "doorbell"), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
	return err
}

// adversarial is a number that code may be wrong about, near to or far from what is right.
func adversarial(right uint32) uint32 {
	of := []uint32{0, 1, right - 1, right, right + 1, 2 * right, 31, 32, 33, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1, rand.Uint32()}
	return of[rand.N(len(of))]
}

func word(m []byte, at int) uint32        { return binary.NativeEndian.Uint32(m[at:]) }
func setWord(m []byte, at int, to uint32) { binary.NativeEndian.PutUint32(m[at:], to) }
func randomBytes(m []byte) {
	for i := range m {
		m[i] = byte(rand.Uint32())
	}
}

// flood submits requests, good and bad ones, and writes over them and what they lead to while they are taken.
func (h *hostile) flood() error {
	sq, buf := h.mapped[0], h.mapped[2]
	nr := uint32(len(sq)-hostileHeader) / iocb.Size
	head := h.guessHead(nr)
	n := 1 + rand.Uint32N(64)
	place := func(i uint32) []byte { return sq[hostileHeader+iocb.Size*int((head+i)%nr):][:iocb.Size] }
	for i := range n {
		copy(place(i), hostileIocb(buf).AppendTo(nil))
	}
	setWord(sq, tailWord, head+n)
	syscall.Write(h.bell, []byte{1}) // full, perhaps
	for range n {
		switch e := place(rand.Uint32N(n)); rand.N(4) {
		case 0:
			randomBytes(e)
		case 1:
			setWord(e, 4*rand.N(iocb.Size/4), adversarial(nr))
		case 2:
			copy(e, hostileIocb(buf).AppendTo(nil))
		case 3:
			randomBytes(buf[rand.N(16)*1024:][:64]) // where iovecs are
		}
	}
	ring := h.mapped[1]
	setWord(ring, headWord, word(ring, tailWord)) // reaped, as far as anyone can tell
	return nil
}

// guessHead is where the daemon is in sq, or near it, so that it goes on taking requests. The header is written over, and believed only
// where it says something near.
func (h *hostile) guessHead(nr uint32) uint32 {
	near, far := int32(4*nr), int32(16*nr)
	head := h.head.Load()
	if shown := word(h.mapped[0], headWord); max(int32(shown-head), int32(head-shown)) <= near {
		h.head.Store(shown)
		head = shown
	}
	if rand.N(4) == 0 {
		head += uint32(rand.Int32N(2*far) - far)
	}
	return head
}

// hostileIocb makes a request of any kind. Slots of files: 0 a file to read, 1 an empty pipe, 2 /dev/zero, 3 /dev/null.
func hostileIocb(buf []byte) *iocb.Iocb {
	c := &iocb.Iocb{
		Data: rand.Uint64(), LioOpcode: uint16(rand.N(10)), Fildes: rand.Uint32N(5), Flags: iocb.FlagFile | iocb.FlagBuf,
		Buf: uint64(rand.N(len(buf))), Nbytes: uint64(rand.N(8192)), Offset: int64(rand.N(8192)),
	}
	switch c.LioOpcode {
	case uint16(iocb.CmdPreadv), uint16(iocb.CmdPwritev):
		c.Buf, c.Nbytes = uint64(rand.N(16))*1024, uint64(rand.N(64))
		array := buf[c.Buf:]
		for i := range c.Nbytes {
			binary.NativeEndian.PutUint64(array[16*i:], uint64(rand.N(len(buf))))
			binary.NativeEndian.PutUint64(array[16*i+8:], uint64(rand.N(4096)))
		}
	case uint16(iocb.CmdFsync), uint16(iocb.CmdFdsync):
		c.Buf, c.Nbytes, c.Offset = 0, 0, 0
	case uint16(iocb.CmdPoll):
		c.Buf, c.Nbytes, c.Offset = uint64(rand.N(1<<16)), 0, 0
	}
	switch rand.N(8) {
	case 0:
		c.Buf = rand.Uint64()
	case 1:
		c.Nbytes = uint64(adversarial(uint32(len(buf))))
	case 2:
		c.Flags ^= 1 << rand.N(32)
	case 3:
		c.Fildes = adversarial(1024)
	}
	return c
}

// scribble writes over headers, and what lies behind them.
func (h *hostile) scribble() error {
	m := h.mapped[rand.N(len(h.mapped))]
	nr := word(m, nrWord)
	switch rand.N(5) {
	case 0:
		setWord(m, headWord, adversarial(nr))
	case 1:
		setWord(m, tailWord, adversarial(word(m, tailWord)))
	case 2:
		setWord(m, 4*rand.N(hostileHeader/4), adversarial(nr))
	case 3:
		setWord(m, flagsWord, rand.Uint32())
	case 4:
		randomBytes(m[rand.N(len(m)-64):][:64])
	}
	return nil
}

// cut resizes and punches what is mapped, and writes past its end. Whether that works is the daemon's business.
func (h *hostile) cut() error {
	i := rand.N(len(h.files))
	f, m := h.files[i], h.mapped[i]
	fd, size := int(f.Fd()), int64(len(m))
	at := rand.Int64N(size/4096) * 4096
	switch rand.N(6) {
	case 0:
		unix.Ftruncate(fd, []int64{0, 1, 4096, size / 2, size, size + 4096, 1 << 40, 1 << 62}[rand.N(8)])
	case 1:
		modes := []uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE,
			unix.FALLOC_FL_COLLAPSE_RANGE, unix.FALLOC_FL_INSERT_RANGE}
		unix.Fallocate(fd, modes[rand.N(len(modes))], at, 1+rand.Int64N(2*size))
	case 2:
		unix.Madvise(m[at:min(at+4096, size)], unix.MADV_REMOVE)
	case 3:
		b := make([]byte, 8192)
		randomBytes(b)
		f.WriteAt(b, []int64{at, size - 100, size, size + 1, 1 << 40}[rand.N(5)])
	case 4:
		f.ReadAt(make([]byte, 8192), []int64{at, size - 100, size, 1 << 40}[rand.N(4)])
	case 5:
		unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_WRITE|unix.F_SEAL_GROW)
	}
	return nil
}

// open maps once more, unmaps and closes, in any order. Until the end of the context that works.
func (h *hostile) open() error {
	f, err := os.OpenFile(filepath.Join(h.dir, h.names[rand.N(len(h.names))]), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	m, err := client.Map(f)
	if err != nil {
		return errors.Join(fmt.Errorf("mmap %s: %w", f.Name(), err), f.Close())
	}
	if rand.N(2) == 0 {
		f.Close()
	}
	randomBytes(m[:hostileHeader])
	err = unix.Munmap(m)
	f.Close()
	return err
}

// control does beside it what else can be done to a context. Go's files would wait where this does not.
func (h *hostile) control() error {
	name, text := "", ""
	switch rand.N(6) {
	case 0:
		name, text = "cancel", "all\n"
	case 1:
		name, text = "submit", "noop\n"
	case 2:
		name, text = "nr_events", "1000\n"
	case 3:
		name, text = "doorbell", "0123456789"
	default:
		name = []string{"events", "events_raw", "stat", "inflight"}[rand.N(4)]
	}
	flags := syscall.O_NONBLOCK
	if text != "" {
		flags |= syscall.O_WRONLY
	}
	fd, err := client.IgnoringEINTR(func() (int, error) { return syscall.Open(filepath.Join(h.dir, name), flags, 0) })
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	if text != "" {
		syscall.Write(fd, []byte(text))
	} else {
		syscall.Read(fd, make([]byte, 1<<16))
	}
	return syscall.Close(fd)
}
