package ioctx

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/engine/uring"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A neighbour is a client in order, beside one that is not.
type neighbour struct {
	*env
	client *dataPlane
	tag    uint64
}

// newNeighbour makes one, which ends with the test.
func newNeighbour(e *env, slots pagesSlots) *neighbour {
	e.Helper()
	c := slots.context(e)
	e.Cleanup(func() {
		e.Exit(c)
		e.ends(c)
	})
	return &neighbour{env: e, client: e.dataPlane(c)}
}

// round submits two requests and waits for their events.
func (n *neighbour) round() {
	n.Helper()
	off := n.tag % 1000
	read, noop := request(n.tag, iocb.CmdPread, 0, 0, 16, int64(off)), request(n.tag+1, iocb.CmdNoop, 0, 0, 0, 0)
	want := map[uint64]int64{n.tag: 16, n.tag + 1: 0}
	n.tag += 2
	clear(n.client.buf[:16])
	n.client.submit(read, noop)
	var events [1]ring.IOEvent
	for end := time.Now().Add(testenv.Patience); len(want) > 0; {
		if n.client.ring.Reap(events[:]) == 0 {
			if time.Now().After(end) {
				n.Fatalf("no events of %v", want)
			}
			runtime.Gosched()
			continue
		}
		res, ok := want[events[0].Data]
		if !ok || res != events[0].Res {
			n.Fatalf("event %+v, want one of %v", events[0], want)
		}
		delete(want, events[0].Data)
	}
	if text := strings.Repeat("0123456789abcdef", 2)[off%16:][:16]; string(n.client.buf[:16]) != text {
		n.Fatalf("read %q at %d, want %q", n.client.buf[:16], off, text)
	}
}

// pagesTables are what FuzzPages works with: of either engine, polling and not.
func pagesTables(f *testing.F) (all []*Table) {
	for _, idle := range []time.Duration{0, DefaultSQIdle} {
		pool := threads.NewPool()
		all = append(all, newTable(f, pool, threads.New(pool), Config{SQIdle: idle}))
		pool = threads.NewPool()
		if u, err := uring.New(pool); err == nil {
			all = append(all, newTable(f, pool, u, Config{SQIdle: idle}))
		} else {
			pool.Close()
		}
	}
	return all
}

// contextFiles is how many descriptors are open that a context may have: not those of an engine, nor of what looks at mounts.
func contextFiles() (n int) {
	for _, target := range testenv.OpenFiles() {
		if !strings.HasPrefix(target, "anon_inode:[event") && !strings.HasPrefix(target, "/proc/") {
			n++
		}
	}
	return n
}

// FuzzPages begins with what TestRecordedPages has recorded of clients, and lets a client do that and worse: other pages, other stores of
// head, tail and all else in the headers, in another order. The daemon's side lives, a neighbour in the same table loses nothing,
// and when the context is killed all that was accepted completes, and everything is given back.
func FuzzPages(f *testing.F) {
	testenv.CheckLeaks(f)
	tables := pagesTables(f)
	slots, others := newPagesSlots(f), newPagesSlots(f)[:1]
	f.Fuzz(func(t *testing.T, sq, page, buf, moves []byte, which byte) {
		e := &env{t, tables[int(which)%len(tables)]}
		mapped, open := ring.Mapped(), contextFiles()
		t.Cleanup(func() {
			testenv.Eventually(t, "everything being given back", func() bool {
				return e.AioNr() == 0 && e.memory.used.Load() == 0 && ring.Mapped() == mapped && contextFiles() == open
			})
			if err := os.Truncate(slots[0], pagesFile); err != nil {
				t.Error(err)
			}
		})
		n := newNeighbour(e, others)
		n.round()
		p := (&recording{sq, page, buf, moves}).replay(e, slots)
		p.reap = func(uint32) {}
		p.settle = func(tail uint32) {
			n.round()
			for i := 0; i < 3 && p.mapped[1].tail() != tail; i++ {
				n.round()
			}
		}
		p.run()
		n.round()
		p.kill()
		n.round()
	})
}
