package ioctx

import (
	"errors"
	"math"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring"
)

// wantNr fails the test unless so many events are reserved.
func (e *env) wantNr(n uint64) {
	e.Helper()
	if got := e.AioNr(); got != n {
		e.Errorf("aio-nr is %d, want %d", got, n)
	}
}

// awaitNr waits until so many events are reserved.
func (e *env) awaitNr(n uint64) {
	e.Helper()
	eventually(e.T, "aio-nr comes down", func() bool { return e.AioNr() == n })
}

func TestSetup(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 10})
	c, err := e.Setup(7, Owner{UID: 3, GID: 4})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID() != 7 || c.Owner() != (Owner{UID: 3, GID: 4}) || c.NrEvents() != 10 || c.Dead() {
		t.Errorf("context %d of %v reserves %d, dead: %v", c.ID(), c.Owner(), c.NrEvents(), c.Dead())
	}
	_, err = e.Setup(7, Owner{})
	wantErrno(t, "a number that is taken", err, syscall.EEXIST)
	_, err = e.Lookup(8)
	wantErrno(t, "a number that is not there", err, syscall.ENOENT)
	got, err := e.Lookup(7)
	if err != nil || got != c {
		t.Fatalf("lookup found %p, %v, want %p", got, err, c)
	}
	got.Put()
	e.setup(math.MaxUint32)
	e.setup(7 + buckets) // in the same chain
	if want := []uint32{7, 7 + buckets, math.MaxUint32}; !slices.Equal(e.IDs(), want) {
		t.Errorf("ids %v, want %v", e.IDs(), want)
	}
	e.wantNr(30)
	wantErrno(t, "rmdir of nothing", e.Destroy(8), syscall.ENOENT)
	if err := e.Destroy(7); err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "rmdir twice", e.Destroy(7), syscall.ENOENT)
	if _, err := e.Lookup(7); err != syscall.ENOENT || !c.Dead() {
		t.Errorf("after rmdir a lookup gives %v; dead: %v", err, c.Dead())
	}
	e.awaitNr(20)
}

func TestSetupNewSkipsWhatIsTaken(t *testing.T) {
	e := threadsEnv(t, Config{})
	e.setup(2)
	var ids []uint32
	for range 3 {
		c, err := e.SetupNew(Owner{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID())
	}
	if want := []uint32{1, 3, 4}; !slices.Equal(ids, want) {
		t.Errorf("numbers %v, want %v", ids, want)
	}
	e.nextID = math.MaxUint32
	for range 2 { // the last number, and round to the first free one
		c, err := e.SetupNew(Owner{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID())
	}
	if want := []uint32{math.MaxUint32, 0}; !slices.Equal(ids[3:], want) {
		t.Errorf("numbers %v, want %v", ids[3:], want)
	}
}

func TestOneContextOfManySetups(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 1})
	var wg sync.WaitGroup
	results := make(chan error, 64)
	for range cap(results) {
		wg.Go(func() {
			_, err := e.Setup(1, Owner{})
			results <- err
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else if err != syscall.EEXIST {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d setups of one number succeeded", won)
	}
	e.wantNr(1)
}

// Of those who kill one context together one wins, and the others get EINVAL or find nothing.
func TestOneKillOfMany(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 1})
	for range 50 {
		c := e.setup(1)
		var wg sync.WaitGroup
		results := make(chan error, 8)
		for range cap(results) {
			wg.Go(func() { results <- e.Destroy(1) })
		}
		wg.Go(func() { e.Exit(c) })
		wg.Wait()
		close(results)
		won := 0
		for err := range results {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT):
				t.Error(err)
			}
		}
		if won > 1 {
			t.Errorf("%d kills of one context succeeded", won)
		}
	}
	e.awaitNr(0)
}

// The loser that has found the context gets EINVAL at once, however long the winner takes.
func TestTheLoserGetsEINVAL(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	c.dead.Store(true) // the winner has come so far
	wantErrno(t, "the loser", e.Destroy(1), syscall.EINVAL)
	e.Exit(c)
	e.unlink(c)
	c.killWork()
}

// The number can be used at once, while the context that had it still waits for its I/O, and handles keep to their object.
func TestANumberIsReusedAtOnce(t *testing.T) {
	e, f := fakeEnv(t, Config{NrEvents: 10})
	f.obey(false)
	old := e.setup(1)
	s, r := e.submitter(old, false), e.reader(old, false, false)
	defer s.Close()
	defer r.Close()
	e.write(s, "noop\n", 5, 0)
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	next := e.setup(1)
	if next == old || next.Serial() == old.Serial() {
		t.Error("the same context again")
	}
	e.wantNr(20)
	e.write(s, "noop\n", 0, syscall.EINVAL)
	_, err := r.Read(make([]byte, 100), false, nil)
	wantErrno(t, "events of the old one", err, syscall.EINVAL)
	_, err = r.Read(make([]byte, 100), true, nil)
	wantErrno(t, "the rest of a read of the old one", err, syscall.EINVAL)
	e.wantStat(next, "submitted", 0)
	f.finish(1, 0)
	<-old.gone
	e.wantNr(10)
}

// Whatever is done through a handle, or with the object itself, after the kill, is EINVAL.
func TestEverythingOfADeadContextIsEINVAL(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	files, err := c.OpenFiles()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	e.Exit(c)
	<-c.gone
	b := make([]byte, 10)
	for what, call := range map[string]func() error{
		"submit":      func() error { _, err := c.OpenSubmit(false); return err },
		"events":      func() error { _, err := c.OpenEvents(false, false); return err },
		"files":       func() error { _, err := c.OpenFiles(); return err },
		"open":        func() error { _, err := files.Write([]byte("open 0 /\n"), self, nil); return err },
		"cancel":      func() error { return c.Cancel([]byte("all\n")) },
		"nr_events":   func() error { return c.SetNrEvents(1) },
		"truncate":    func() error { return c.BufTruncate(2 << 20) },
		"buf, read":   func() error { _, err := c.BufReadAt(b, 0); return err },
		"buf, write":  func() error { _, err := c.BufWriteAt(b, 0); return err },
		"out":         func() error { _, err := c.Out(1); return err },
		"size of out": func() error { _, err := c.OutSize(1); return err },
		"rm of out":   func() error { return c.RemoveOut(1) },
	} {
		wantErrno(t, what, call(), syscall.EINVAL)
	}
	if c.OutTags() != nil || len(c.Inflight()) > 0 || len(c.FilesText()) > 0 {
		t.Error("a dead context shows what it had")
	}
	e.wantStat(c, "in_ring", 0)
}

func TestSetupFailuresGiveBack(t *testing.T) {
	e, f := fakeEnv(t, Config{NrEvents: 10, MaxNr: 25})
	a, b := e.setup(1), e.setup(2)
	_, err := e.Setup(3, Owner{})
	wantErrno(t, "over aio-max-nr", err, syscall.EAGAIN)
	_, err = e.SetupNew(Owner{})
	wantErrno(t, "over aio-max-nr", err, syscall.EAGAIN)
	e.wantNr(20)

	// The first submit makes what a context needs. Where that fails the context is as it was, and can be tried again.
	mapped := ring.Mapped()
	f.setFail(syscall.EMFILE)
	s := e.submitter(a, false)
	defer s.Close()
	e.write(s, "noop\n", 0, syscall.EMFILE)
	if n := ring.Mapped(); n != mapped {
		t.Errorf("%d bytes stay mapped", n-mapped)
	}
	if err := a.SetNrEvents(12); err != nil {
		t.Errorf("nr_events after a submit that failed: %v", err)
	}
	e.wantNr(22)
	f.setFail(nil)
	e.write(s, "noop\n", 5, 0)
	e.Exit(a)
	e.awaitNr(10)
	e.Exit(b)
	e.awaitNr(0)
	e.setup(3)
}

func TestSetNrEvents(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 10, MaxNr: 100})
	c := e.setup(1)
	e.setup(2)
	for _, step := range []struct {
		n     uint64
		errno syscall.Errno
		aioNr uint64
	}{
		{0, syscall.EINVAL, 20},
		{math.MaxUint64, syscall.EINVAL, 20},
		{ring.MaxEvents + 1, syscall.EINVAL, 20},
		{ring.MaxEvents, syscall.EAGAIN, 20},
		{91, syscall.EAGAIN, 20},
		{90, 0, 100},
		{91, syscall.EAGAIN, 100},
		{1, 0, 11},
		{1, 0, 11},
		{15, 0, 25},
	} {
		err := c.SetNrEvents(step.n)
		if step.errno == 0 && err != nil || step.errno != 0 && !errors.Is(err, step.errno) {
			t.Errorf("nr_events %d: %v, want %v", step.n, err, step.errno)
		}
		e.wantNr(step.aioNr)
	}
	e.submit(c, "noop\n")
	wantErrno(t, "after the first submit", c.SetNrEvents(16), syscall.EBUSY)
	wantErrno(t, "a bad one after it", c.SetNrEvents(0), syscall.EINVAL)
	if c.NrEvents() != 15 {
		t.Errorf("nr_events is %d", c.NrEvents())
	}
	e.Exit(c)
	e.awaitNr(10)
}

// Contexts over a limit that was lowered stay, and no sum wraps.
func TestLoweredAioMaxNr(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 10})
	if e.AioMaxNr() != DefaultMaxNr {
		t.Errorf("aio-max-nr is %d", e.AioMaxNr())
	}
	c := e.setup(1)
	e.setup(2)
	for _, limit := range []uint64{0, 9, 19} {
		e.SetAioMaxNr(limit)
		if e.AioMaxNr() != limit {
			t.Errorf("aio-max-nr is %d", e.AioMaxNr())
		}
		_, err := e.Setup(3, Owner{})
		wantErrno(t, "setup", err, syscall.EAGAIN)
		wantErrno(t, "more nr_events", c.SetNrEvents(11), syscall.EAGAIN)
		e.wantNr(20)
	}
	if err := c.SetNrEvents(9); err != nil {
		t.Errorf("fewer nr_events: %v", err)
	}
	e.SetAioMaxNr(math.MaxUint64)
	e.setup(3)
	e.wantNr(29)
}
