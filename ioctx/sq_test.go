package ioctx

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// dataPlane is a client of a context's shared memory, as one that has opened sq, ring and buf in the mount.
type dataPlane struct {
	*Kioctx
	sq    *ring.Submitter
	ring  *ring.Reaper
	buf   []byte
	rings int // how often the bell was rung
}

func (e *env) dataPlane(c *Kioctx) *dataPlane {
	e.Helper()
	d := &dataPlane{Kioctx: c}
	open := func(f func() (*Shared, error), use func(*os.File, *Shared) error) {
		s, err := f()
		if err != nil {
			e.Fatal(err)
		}
		fd, err := unix.FcntlInt(uintptr(s.FD()), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			e.Fatal(err)
		}
		file := os.NewFile(uintptr(fd), "shared")
		if err := use(file, s); err != nil {
			e.Fatal(err)
		}
		file.Close()
		e.Cleanup(s.Close)
	}
	open(c.OpenSQ, func(f *os.File, _ *Shared) (err error) { d.sq, err = ring.MapSubmitter(f); return err })
	open(c.OpenRing, func(f *os.File, _ *Shared) (err error) { d.ring, err = ring.MapReaper(f); return err })
	open(c.OpenBuf, func(f *os.File, s *Shared) (err error) {
		d.buf, err = unix.Mmap(int(f.Fd()), 0, int(s.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return err
	})
	e.Cleanup(func() {
		d.sq.Close()
		d.ring.Close()
		unix.Munmap(d.buf)
	})
	return d
}

// submit pushes iocbs, all of which have room, and rings where that is asked for.
func (d *dataPlane) submit(iocbs ...iocb.Iocb) {
	for _, i := range iocbs {
		if !d.sq.Push(i.AppendTo(nil)) {
			panic("no room in sq")
		}
	}
	if d.sq.Publish() {
		d.rings++
		d.Doorbell()
	}
}

// reap waits for n events.
func (d *dataPlane) reap(e *env, n int) []ring.IOEvent {
	e.Helper()
	all := make([]ring.IOEvent, n)
	got := 0
	testenv.Eventually(e.T, "events in the ring", func() bool {
		got += d.ring.Reap(all[got:])
		return got == n
	})
	return all
}

// eachIdle runs f over both engines, with and without polling.
func eachIdle(t *testing.T, f func(t *testing.T, e *env)) {
	for name, idle := range map[string]time.Duration{"polled": DefaultSQIdle, "rung": 0} {
		t.Run(name, func(t *testing.T) { eachEngineWith(t, Config{SQIdle: idle}, f) })
	}
}

func TestSQ(t *testing.T) {
	eachIdle(t, func(t *testing.T, e *env) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte("hello, world"), 0o666); err != nil {
			t.Fatal(err)
		}
		c := e.setup(1)
		e.openSlot(c, 3, "rdwr", path)
		d := e.dataPlane(c)
		read := iocb.Iocb{Data: 11, LioOpcode: uint16(iocb.CmdPread), Fildes: 3, Buf: 100, Nbytes: 5, Offset: 7, Flags: iocb.FlagFile | iocb.FlagBuf}
		d.submit(read)
		if ev := d.reap(e, 1)[0]; ev != (ring.IOEvent{Data: 11, Obj: 1, Res: 5}) || string(d.buf[100:105]) != "world" {
			t.Errorf("%+v, %q", ev, d.buf[100:105])
		}
		bad := read
		bad.Fildes = 4
		noFlags := read
		noFlags.Flags = 0
		noBuf := read
		noBuf.Flags = iocb.FlagFile
		unknown := read
		unknown.LioOpcode = 99
		noop := iocb.Iocb{Data: 12, LioOpcode: uint16(iocb.CmdNoop)}
		d.submit(bad, noFlags, noBuf, unknown, noop)
		want := map[uint64]int64{2: -int64(unix.EBADF), 3: -int64(unix.EBADF), 4: -int64(unix.EFAULT), 5: -int64(unix.EINVAL), 6: 0}
		for _, ev := range d.reap(e, 5) {
			if ev.Res != want[ev.Obj] || ev.Data != 11 && ev.Data != 12 {
				t.Errorf("%+v, want res %d", ev, want[ev.Obj])
			}
		}
	})
}

// A client that fills sq and the ring, and reaps by head alone, is served to the end though nobody rings.
func TestSQWaitsForSlots(t *testing.T) {
	eachIdle(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		if err := c.SetNrEvents(32); err != nil {
			t.Fatal(err)
		}
		d := e.dataPlane(c)
		const n = 2000
		pushed, seen := uint64(0), make(map[uint64]bool)
		events := make([]ring.IOEvent, 7)
		testenv.Eventually(t, "all events", func() bool {
			for ; pushed < n && d.sq.Room() > 0; pushed++ {
				d.submit(iocb.Iocb{Data: pushed, LioOpcode: uint16(iocb.CmdNoop)})
			}
			if len(seen) == 0 && pushed < 60 {
				return false // both are full first
			}
			for _, ev := range events[:d.ring.Reap(events)] {
				if seen[ev.Data] {
					t.Errorf("%d came twice", ev.Data)
				}
				seen[ev.Data] = true
			}
			return len(seen) == n
		})
	})
}

// Each round is one request, at which the poller may just be falling asleep; a lost wakeup hangs. Millions of rounds take minutes:
// AIOFS_LITMUS says how many.
func TestSQLitmus(t *testing.T) {
	rounds := 1000
	if n, err := strconv.Atoi(os.Getenv("AIOFS_LITMUS")); err == nil {
		rounds = n
	}
	eachIdle(t, func(t *testing.T, e *env) {
		d := e.dataPlane(e.setup(1))
		events := make([]ring.IOEvent, 1)
		for i := range rounds {
			d.submit(iocb.Iocb{Data: uint64(i), LioOpcode: uint16(iocb.CmdNoop)})
			for began := time.Now(); d.ring.Reap(events) == 0; {
				if time.Since(began) > testenv.Patience {
					t.Fatalf("round %d of %d: no event", i, rounds)
				}
				runtime.Gosched() // with one processor, the daemon's side would wait for 10 ms otherwise
			}
			if i%16 == 0 { // let it fall asleep now and then
				for end := time.Now().Add(time.Duration(i%64) * 20 * time.Microsecond); time.Now().Before(end); {
					runtime.Gosched()
				}
			}
		}
		if d.rings == 0 {
			t.Error("the poller never slept")
		}
	})
}

// Killed, both rings say so, and what is mapped stays; its bytes are charged until it is not.
func TestSharedAfterKill(t *testing.T) {
	e := threadsEnv(t, Config{SQIdle: DefaultSQIdle})
	c := e.setup(1)
	s, err := c.OpenBuf()
	if err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(s.FD(), 0, int(s.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	d := e.dataPlane(c)
	d.submit(iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop)})
	d.reap(e, 1)
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	if !d.ring.Dead() || !d.sq.Dead() {
		t.Error("the rings do not say DEAD")
	}
	mem[0] = 1 // not a fault
	<-c.gone
	s.Close()
	if got := e.memory.used.Load(); got != s.Size() {
		t.Errorf("%d bytes are charged while mapped, want %d", got, s.Size())
	}
	unix.Munmap(mem)
}
