package ring_test

import (
	"fmt"
	"os"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// A client of a context's shared memory: it maps, submits, waits and reaps. In life its files are opened in the context's directory:
// sq and ring for reading and writing, doorbell for writing, ready for reading.
func Example() {
	c := newContext()
	defer c.end()

	sq, err := ring.MapSubmitter(c.sq)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sq.Close()
	reaper, err := ring.MapReaper(c.ring)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reaper.Close()

	// Three reads of slot 0 of `files` to different places of `buf`, shown to the daemon together.
	var request []byte
	for i := range uint64(3) {
		request = (&iocb.Iocb{
			Data:      100 + i, // comes back in the event
			LioOpcode: uint16(iocb.CmdPread),
			Fildes:    0,
			Buf:       i * 4096,
			Nbytes:    4096,
			Offset:    int64(i * 4096),
			Flags:     iocb.FlagFile | iocb.FlagBuf,
		}).AppendTo(request[:0])
		if !sq.Push(request) {
			fmt.Println("sq is full")
		}
	}
	if sq.Publish() {
		c.doorbell.Write([]byte{1}) // the daemon sleeps
	}

	// Reap; where nothing is there, read ready, which waits, and look again.
	events := make([]ring.IOEvent, 16)
	for done := 0; done < 3; {
		n := reaper.Reap(events)
		for _, e := range events[:n] {
			if e.Res < 0 {
				fmt.Println(e.Data, syscall.Errno(-e.Res))
			} else {
				fmt.Println(e.Data, "read", e.Res)
			}
		}
		if done += n; n > 0 {
			continue
		}
		if _, err := c.ready.Read(make([]byte, 64)); err != nil {
			fmt.Println("the context was killed:", err)
			return
		}
	}
	// Output:
	// 100 read 4096
	// 101 read 4096
	// 102 read 4096
}

// A context stands for the files of a context, behind which there is no file system here but a goroutine.
type context struct {
	sq, ring, doorbell, ready *os.File

	end func()
}

func newContext() *context {
	sq := must(ring.NewSQ(1, 8))
	cq := must(ring.New(1, 8))
	bell, doorbell := pipe()
	ready, wake := pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for { // a byte in doorbell, requests in sq, events in ring, a byte in ready
			if _, err := bell.Read(make([]byte, 64)); err != nil {
				return
			}
			serve(sq, cq)
			wake.Write([]byte{1})
		}
	}()
	c := &context{sq: file(sq.Memory(), "sq"), ring: file(cq.Memory(), "ring"), doorbell: doorbell, ready: ready}
	c.end = func() {
		doorbell.Close()
		<-ended
		for _, f := range []*os.File{c.sq, c.ring, bell, ready, wake} {
			f.Close()
		}
		sq.Close()
		cq.Close()
	}
	return c
}

// serve completes every request with the length that it asks for.
func serve(sq *ring.SQ, cq *ring.Ring) {
	var entry ring.SQE
	for n := sq.Len(); n > 0; n-- {
		sq.Copy(0, &entry)
		sq.Advance(1)
		var r iocb.Request
		if err := r.Decode(entry[:]); err != nil {
			cq.Put(ring.IOEvent{Res: -int64(syscall.EINVAL)})
			continue
		}
		cq.Put(ring.IOEvent{Data: r.Tag, Res: r.Len})
	}
	cq.Publish()
}

func file(m *ring.Memory, name string) *os.File {
	return os.NewFile(uintptr(must(syscall.Dup(m.FD()))), name)
}

func pipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	return r, w
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
