// Command goclient is a Go client of aiofs.
//
//	goclient MOUNT FILE PIPE
//
// Nothing ever comes out of PIPE.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log"
	"math/rand/v2"
	"os"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
	"golang.org/x/sys/unix"
)

const reads, depth, size = 1000, 32, 4096

func main() {
	mount, path, pipe := os.Args[1], os.Args[2], os.Args[3]
	alive := must(os.Open(mount + "/ctx/new")) // the context lives as long as this is open
	defer alive.Close()
	var n uint32
	must(fmt.Fscan(alive, &n))
	c := open(fmt.Sprintf("%s/ctx/%d", mount, n), path, pipe)
	content := must(os.ReadFile(path))
	c.randomReads(content)

	must(c.buf.WriteAt([]byte("written\n"), 0))
	c.start(request(7, iocb.CmdPwrite, 0, 8, int64(len(content)), 0))
	c.wants(8)
	c.start(request(7, iocb.CmdFsync, 0, 0, 0, 0))
	c.wants(0)
	c.start(request(7, iocb.CmdPread, 0, 1, 0, 1))
	put(c.dir+"/cancel", "tag=7\n")
	c.wants(-int64(unix.ECANCELED))
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func put(name, text string) {
	f := must(os.OpenFile(name, os.O_WRONLY, 0))
	defer f.Close()
	must(f.WriteString(text))
}

// A client has a context with two open files: slot 0 is the file, slot 1 the pipe.
type client struct {
	dir                string
	submit, ready, buf *os.File
	events             int // a plain descriptor: os.File would wait by itself
	block              [depth]int64
}

func open(dir, path, pipe string) *client {
	put(dir+"/nr_events", fmt.Sprintln(depth))
	put(dir+"/files", fmt.Sprintf("open 0 open=rdwr %s\nopen 1 open=rdwr %s\n", path, pipe))
	return &client{
		dir:    dir,
		submit: must(os.OpenFile(dir+"/submit", os.O_WRONLY, 0)),
		ready:  must(os.Open(dir + "/ready")),
		buf:    must(os.OpenFile(dir+"/buf", os.O_RDWR, 0)),
		events: must(unix.Open(dir+"/events_raw", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)),
	}
}

func request(tag uint64, op iocb.Cmd, at, nbytes uint64, offset int64, slot uint32) iocb.Iocb {
	return iocb.Iocb{
		Data: tag, LioOpcode: uint16(op), Fildes: slot, Flags: iocb.FlagFile | iocb.FlagBuf,
		Buf: at, Nbytes: nbytes, Offset: offset,
	}
}

func (c *client) start(requests ...iocb.Iocb) {
	var batch []byte
	for _, r := range requests {
		batch = r.AppendTo(batch)
	}
	must(c.submit.Write(batch))
}

// reap takes the events that are there, one at least. It waits in Go's poller.
func (c *client) reap() []ring.IOEvent {
	b := make([]byte, depth*binary.Size(ring.IOEvent{}))
	n, err := unix.Read(c.events, b)
	for ; err == unix.EAGAIN; n, err = unix.Read(c.events, b) {
		must(c.ready.Read(make([]byte, 64)))
	}
	events := make([]ring.IOEvent, must(n, err)/binary.Size(ring.IOEvent{}))
	must(binary.Decode(b, binary.NativeEndian, events))
	return events
}

func (c *client) wants(res int64) {
	if e := c.reap(); len(e) != 1 || e[0].Data != 7 || e[0].Res != res {
		log.Fatalf("%+v, not %d", e, res)
	}
}

func (c *client) randomRead(place uint64, content []byte) iocb.Iocb {
	c.block[place] = rand.Int64N(int64(len(content)/size)) * size
	return request(place, iocb.CmdPread, place*size, size, c.block[place], 0)
}

// randomReads reads each into its own place in buf, which is used again when what came has been looked at.
func (c *client) randomReads(content []byte) {
	var batch []iocb.Iocb
	for place := range uint64(depth) {
		batch = append(batch, c.randomRead(place, content))
	}
	got := make([]byte, size)
	for begun, verified := depth, 0; verified < reads; {
		if len(batch) > 0 {
			c.start(batch...)
		}
		batch = batch[:0]
		for _, e := range c.reap() {
			must(c.buf.ReadAt(got, int64(e.Data)*size))
			if e.Res != size || !bytes.Equal(got, content[c.block[e.Data]:][:size]) {
				log.Fatalf("read at %d: %+v", c.block[e.Data], e)
			}
			verified++
			if begun < reads {
				batch = append(batch, c.randomRead(e.Data, content))
				begun++
			}
		}
	}
}
