package ioctx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

var record = flag.Bool("ioctx.record", false, "let TestRecordedPages make the recordings in testdata anew")

// corpus is where FuzzPages looks for what it begins with. The recordings there are those that match recorded.
const (
	corpus   = "testdata/fuzz/FuzzPages"
	recorded = "recorded-*"
)

// A recorder is a client that notes what it does.
type recorder struct {
	*env
	client         *dataPlane
	rec            recording
	pushed, reaped uint32
}

// submit pushes iocbs, shows them and rings.
func (r *recorder) submit(iocbs ...iocb.Iocb) {
	r.client.submit(iocbs...)
	r.pushed += uint32(len(iocbs))
	r.rec.move(moveSQTail, r.pushed)
	r.rec.move(moveBell, 0)
}

// reap waits for n events and takes them.
func (r *recorder) reap(n uint32) {
	r.Helper()
	r.client.reap(r.env, int(n))
	r.reaped += n
	at := r.reaped % r.client.live.Load().ring.Nr()
	r.rec.move(moveSettle, at)
	r.rec.move(moveRingHead, at)
}

func (r *recorder) cancel() {
	if err := r.client.Cancel([]byte("all\n")); err != nil {
		r.Error(err)
	}
	r.rec.move(moveCancel, 0)
}

// iovecs makes an array of n at the beginning of buf, each of which leads to size bytes behind it.
func (r *recorder) iovecs(n, size uint64) {
	for i := range n {
		binary.NativeEndian.PutUint64(r.client.buf[16*i:], 4096+i*size)
		binary.NativeEndian.PutUint64(r.client.buf[16*i+8:], size)
	}
}

// take has the recording as it is now.
func (r *recorder) take() *recording {
	trim := func(page []byte) []byte { return bytes.Clone(bytes.TrimRight(page, "\x00")) }
	r.rec.sq = trim(r.client.Kioctx.sq.Load().ring.Memory().Bytes())
	r.rec.ring = trim(r.client.live.Load().ring.Memory().Bytes())
	r.rec.buf = trim(r.client.buf[:pagesBuf])
	return &r.rec
}

// request is one of a slot of files and of buf.
func request(tag uint64, cmd iocb.Cmd, slot uint32, buf, nbytes uint64, off int64) iocb.Iocb {
	return iocb.Iocb{Data: tag, LioOpcode: uint16(cmd), Fildes: slot, Buf: buf, Nbytes: nbytes, Offset: off, Flags: iocb.FlagFile | iocb.FlagBuf}
}

// traffic is what clients are recorded at.
var traffic = map[string]func(*recorder){
	"reads": func(r *recorder) {
		for tag := uint64(0); tag < 24; tag += 8 {
			for i := range uint64(8) {
				r.submit(request(tag+i, iocb.CmdPread, 0, 4096+i*512, 512, int64(tag+i)*1000))
			}
			r.reap(8)
		}
	},
	"writes": func(r *recorder) {
		r.submit(request(1, iocb.CmdPwrite, 0, 4096, 100, 10), request(2, iocb.CmdPwrite, 0, 4196, 4000, pagesFile))
		r.submit(request(3, iocb.CmdPwrite, 3, 0, defaultBuf, 0))
		r.reap(3)
		r.submit(request(4, iocb.CmdFsync, 0, 0, 0, 0), request(5, iocb.CmdFdsync, 0, 0, 0, 0))
		r.reap(2)
		r.submit(request(6, iocb.CmdPread, 0, 8192, 5000, pagesFile))
		r.reap(1)
	},
	"vectors": func(r *recorder) {
		r.iovecs(4, 300)
		r.submit(request(1, iocb.CmdPreadv, 0, 0, 4, 7), request(2, iocb.CmdPreadv, 2, 16, 2, 0))
		r.reap(2)
		r.submit(request(3, iocb.CmdPwritev, 3, 0, 4, 0), request(4, iocb.CmdPwritev, 0, 32, 1, 50))
		r.reap(2)
	},
	"waits": func(r *recorder) {
		const in, out = 1, 4 // POLLIN, POLLOUT
		r.submit(request(1, iocb.CmdPoll, 1, in, 0, 0), request(2, iocb.CmdPread, 1, 4096, 10, 0))
		r.submit(request(3, iocb.CmdPoll, 1, out, 0, 0))
		r.reap(1)
		r.cancel()
		r.reap(2)
	},
	"refused": func(r *recorder) {
		bare, reserved := request(1, iocb.CmdPread, 0, 0, 10, 0), request(2, iocb.CmdPread, 0, 0, 10, 0)
		bare.Flags, reserved.Reserved2 = 0, 1
		r.submit(bare, reserved, request(3, iocb.CmdPread, iocb.MaxSlot+1, 0, 10, 0), request(4, 99, 0, 0, 10, 0))
		r.submit(request(5, iocb.CmdPread, 0, defaultBuf-5, 10, 0), request(6, iocb.CmdPreadv, 0, 0, iocb.MaxIov+1, 0))
		r.iovecs(2, 1<<64-8192)
		r.submit(request(7, iocb.CmdPread, 0, 0, 10, -1), request(8, iocb.CmdPread, 0, 1<<64-8, 16, 0), request(9, iocb.CmdPreadv, 0, 0, 2, 0))
		r.reap(9)
	},
	"laps": func(r *recorder) {
		for tag := uint64(0); tag < 140; tag += 7 {
			for i := range uint64(7) {
				r.submit(request(tag+i, iocb.CmdNoop, 0, 0, 0, 0))
			}
			r.reap(7)
		}
	},
}

// recordTraffic makes a recording of each traffic in a directory.
func recordTraffic(t *testing.T, dir string) {
	e := threadsEnv(t, Config{})
	for _, name := range slices.Sorted(maps.Keys(traffic)) {
		r := &recorder{env: e, client: e.dataPlane(newPagesSlots(t).context(e))}
		traffic[name](r)
		if err := r.take().save(filepath.Join(dir, "recorded-"+name)); err != nil {
			t.Fatal(err)
		}
	}
}

// results are those of the events in a ring's page, by tag.
func (r *recording) results() map[uint64]int64 {
	page := make([]byte, headerPage)
	copy(page, r.ring)
	res := map[uint64]int64{}
	for page = page[ring.HeaderLength:]; len(page) >= eventSize; page = page[eventSize:] {
		if ev := parseEvents(page[:eventSize])[0]; ev.obj != 0 {
			res[ev.data] = ev.res
		}
	}
	return res
}

// again does what was recorded, in order, and checks that each request has one event, with the result that it had.
func (r *recording) again(e *env, slots pagesSlots) error {
	p := r.replay(e, slots)
	defer p.kill()
	page, nr := p.mapped[1], p.c.live.Load().ring.Nr()
	p.settle = func(tail uint32) { testenv.Eventually(e.T, "the events", func() bool { return page.tail() == tail }) }
	want, seen := r.results(), map[uint64]bool{}
	var err error
	head := uint32(0)
	p.reap = func(to uint32) {
		for ; head != to; head = (head + 1) % nr {
			ev := parseEvents(page.mem[ring.HeaderLength+eventSize*head:][:eventSize])[0]
			if res, ok := want[ev.data]; !ok || ev.res != res || seen[ev.obj] {
				err = errors.Join(err, fmt.Errorf("event %+v, want the result %d (%v); seen: %v", ev, res, ok, seen[ev.obj]))
			}
			seen[ev.obj] = true
		}
	}
	p.run()
	if pushed := binary.NativeEndian.Uint32(p.mapped[0].mem[tailAt:]); len(seen) != int(pushed) || pushed == 0 {
		err = errors.Join(err, fmt.Errorf("%d events of %d", len(seen), pushed))
	}
	return err
}

// What is recorded is what clients do: whether it was recorded now or is what FuzzPages begins with, done again each request gets the answer
// that it got then.
func TestRecordedPages(t *testing.T) {
	dir := t.TempDir()
	if *record {
		dir = corpus
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	recordTraffic(t, dir)
	for _, dir := range []string{dir, corpus} {
		paths, err := filepath.Glob(filepath.Join(dir, recorded))
		if err != nil || len(paths) != len(traffic) {
			t.Errorf("%d recordings in %s, want %d: %v", len(paths), dir, len(traffic), err)
		}
		eachIdle(t, func(t *testing.T, e *env) {
			for _, path := range paths {
				r := loadRecording(t, path)
				if err := r.again(e, newPagesSlots(t)); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
}
