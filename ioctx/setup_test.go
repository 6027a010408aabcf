package ioctx

import (
	"errors"
	"math"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
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
	testenv.Eventually(e.T, "aio-nr comes down", func() bool { return e.AioNr() == n })
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
