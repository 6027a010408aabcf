package ioctx

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// The kill waits for what is in flight, in the kernel's order: users, cancel, drain, free, aio_nr.
func TestTheOrderOfTheKill(t *testing.T) {
	e, f := fakeEnv(t, Config{NrEvents: 4})
	f.obey(false)
	mapped := ring.Mapped()
	c := e.setup(1)
	e.submit(c, "noop\nnoop\n")
	f.onCancel = func(_ *fakeQueue, batch []*engine.Request) {
		if n := c.users.Load(); n != 0 || len(batch) != 2 || !c.Dead() {
			t.Errorf("cancel of %d requests, with %d users", len(batch), n)
		}
	}
	f.onClose = func(*fakeQueue) {
		if n := c.reqsActive.Load(); n != 0 || e.AioNr() != 4 {
			t.Errorf("free with %d in flight, aio-nr %d", n, e.AioNr())
		}
	}
	if _, err := e.Lookup(1); err != nil { // somebody is in the middle of a call
		t.Fatal(err)
	}
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	if calls := f.calls(); !slices.Equal(calls, []string{"submit"}) {
		t.Errorf("%v while the context has a user", calls)
	}
	c.Put()
	testenv.Eventually(t, "what is active is cancelled", func() bool { return len(f.calls()) == 2 })
	f.finish(1, 0)
	if ring.Mapped() == mapped || e.AioNr() != 4 || slices.Contains(f.calls(), "close") {
		t.Error("freed with a request in flight")
	}
	f.finish(1, 0)
	<-c.gone
	if calls := f.calls(); !slices.Equal(calls, []string{"submit", "cancel", "close"}) || ring.Mapped() != mapped {
		t.Errorf("%v, %d bytes mapped", calls, ring.Mapped()-mapped)
	}
	e.wantNr(0)
}

// Events that nobody has read go with their context.
func TestUnreadEventsAreDropped(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		e.submit(c, strings.Repeat("noop\n", 10))
		if err := e.Destroy(1); err != nil {
			t.Fatal(err)
		}
		<-c.gone
		e.submit(e.setup(1), "noop tag=9\n")
		next, err := e.Lookup(1)
		if err != nil {
			t.Fatal(err)
		}
		defer next.Put()
		if got := e.cat(next); !strings.HasPrefix(got, "9 0 - seq=1 ") || strings.Count(got, "\n") != 1 {
			t.Errorf("events of the next one: %q", got)
		}
	})
}

// Whoever waits in a context when it is killed is woken and gets EINVAL.
func TestTheKillWakesWhoWaits(t *testing.T) {
	for name, kill := range map[string]func(*env, *Kioctx){
		"rmdir":        func(e *env, c *Kioctx) { e.Destroy(c.ID()) },
		"last close":   func(e *env, c *Kioctx) { e.Exit(c) },
		"unmount":      func(e *env, c *Kioctx) { e.ExitAll(newDeadline(testenv.Patience).ctx) },
		"many kill it": func(e *env, c *Kioctx) { e.Destroy(c.ID()); e.Exit(c); e.Exit(c) },
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := fakeEnv(t, Config{})
			c := full(e, 1)
			s := e.submitter(c, false)
			calls := []*call{
				beginWrite(t, s, "noop\n", nil),
				beginRead(t, e.reader(c, true, false), 100, nil),
				beginRead(t, e.reader(c, false, false), 100, newSignal()),
				beginRead(t, e.configured(c, true, false, "min=2"), 100, nil),
				beginRead(t, e.configured(c, false, false, "min=2 timeout=1h"), 100, nil),
			}
			asleep(t, &c.writers, 1)
			asleep(t, &c.wait, 4)
			behind := beginWrite(t, s, "noop\n", nil)
			asleep(t, &s.sem.q, 1)
			kill(e, c)
			for _, r := range append(calls, behind) {
				r.want(0, syscall.EINVAL)
			}
			<-c.gone
		})
	}
}

// A write that waits behind another takes nothing after the kill, though there is a slot.
func TestNothingIsAcceptedAfterTheKill(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\n")
	f.finish(1, 0)
	s := e.submitter(c, false)
	defer s.Close()
	if err := s.sem.acquire(nil, false); err != nil {
		t.Fatal(err)
	}
	w := beginWrite(t, s, "noop\n", nil)
	asleep(t, &s.sem.q, 1)
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	s.sem.release()
	w.want(0, syscall.EINVAL)
	<-c.gone
	e.wantStat(c, "submitted", 1)
}

// rmdir returns at once where a request cannot be cancelled, and the number and the table are free for others.
func TestRmdirDoesNotWait(t *testing.T) {
	e, f := fakeEnv(t, Config{NrEvents: 4})
	f.obey(false)
	c := e.setup(1)
	e.submit(c, "noop tag=8\n")
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	e.setup(1)
	e.setup(2)
	testenv.Eventually(t, "it is told to stop", func() bool { return slices.Contains(f.calls(), "cancel") })
	if got := string(c.Inflight()); !strings.HasPrefix(got, "8 - - seq=1 op=noop usec=") {
		t.Errorf("in flight: %q", got)
	}
	select {
	case <-c.gone:
		t.Error("freed with a request in flight")
	default:
	}
	e.wantNr(12)
}

// Unmounting starts every kill, then waits once, and names what is left when its time is over.
func TestExitAll(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	f.obey(false)
	var all []*Kioctx
	for i := range uint32(4) {
		c := e.setup(i)
		e.submit(c, "noop tag=10"+string('0'+rune(i))+"\n")
		all = append(all, c)
	}
	if err := e.Destroy(3); err != nil { // was killed before, and is waited for as well
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	left := make(chan []string, 1)
	go func() { left <- e.ExitAll(ctx) }()
	testenv.Eventually(t, "all four are told to stop", func() bool {
		n := 0
		for _, what := range f.calls() {
			if what == "cancel" {
				n++
			}
		}
		return n == 4
	})
	if ids := e.IDs(); len(ids) > 0 {
		t.Errorf("%v can be found", ids)
	}
	f.finish(1, 0)
	<-all[0].gone
	stop()
	lines := <-left
	slices.Sort(lines)
	if len(lines) != 3 {
		t.Fatalf("left: %q", lines)
	}
	for i, line := range lines {
		if want := "10" + string('1'+rune(i)) + " - - seq=1 op=noop usec="; !strings.HasPrefix(line, want) {
			t.Errorf("left: %q, want %q", line, want)
		}
	}
}

// A kill that another has begun and not come far with is waited for too: it may have requests in flight.
func TestExitAllWaitsForAKillThatHasJustBegun(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\n")
	c.dead.Store(true) // the winner of another kill has come so far
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if left := e.ExitAll(ctx); len(left) != 1 {
		t.Errorf("left: %q, want the one request in flight", left)
	}
	e.unlink(c)
	e.rcu.Synchronize()
	c.killWork()
	<-c.gone
}

// What a pool thread has opened is handed to the engine with nobody's reference. The context is freed only when the engine has
// returned, and has been told of a cancel that came meanwhile, though the request is over.
func TestFreeWaitsForTheEngineToReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{t: t}
		pool := threads.NewPool()
		e := &env{T: t, Table: NewTable(Config{Engine: f, Pool: pool})}
		c := e.setup(1)
		inside, leave := make(chan struct{}), make(chan struct{})
		f.onSubmit = func(q *fakeQueue, batch []*engine.Request) {
			close(inside)
			<-leave
			q.complete(batch[0], 0)
			synctest.Wait() // until the kill has gone as far as it can
		}
		e.submit(c, "pread len=1 keep=no /dev/zero\n")
		<-inside
		if err := c.Cancel([]byte("all\n")); err != nil {
			t.Error(err)
		}
		if err := e.Destroy(1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := c.users.Load(); n != 0 {
			t.Errorf("%d users", n)
		}
		close(leave)
		<-c.gone
		if calls := f.calls(); !slices.Equal(calls, []string{"submit", "cancel", "close"}) {
			t.Errorf("%v", calls)
		}
		e.ExitAll(context.Background())
		pool.Close()
	})
}
