package ioctx

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

// The initial reference is dropped only after a grace period: who found the context just before the kill finds it with users above
// 0, and keeps it. Invariant 1.
func TestTheKillWaitsForAGracePeriod(t *testing.T) {
	for name, step := range map[string]struct {
		kill  func(*Table, *Kioctx)
		users int64 // the initial one, and a lookup of rmdir's own
	}{
		"rmdir":      {func(tab *Table, c *Kioctx) { go tab.Destroy(c.ID()) }, 2},
		"last close": {func(tab *Table, c *Kioctx) { tab.Exit(c) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeEngine{t: t}
				e := &env{T: t, Table: NewTable(Config{Engine: f})}
				c := e.setup(1)
				e.submit(c, "noop\n")
				section := e.rcu.ReadLock() // a lookup that has found c, and not counted itself yet
				step.kill(e.Table, c)
				<-time.After(time.Minute)
				if n := c.users.Load(); n != step.users || !c.Dead() || len(e.IDs()) > 0 {
					t.Errorf("%d users, dead: %v, found: %v", n, c.Dead(), e.IDs())
				}
				c.users.Add(1)
				section.Unlock()
				<-time.After(time.Minute)
				if n := c.users.Load(); n != 1 || len(f.calls()) != 1 {
					t.Errorf("%d users, and %v, while the lookup's is one", n, f.calls())
				}
				c.Put()
				<-c.gone
				e.ExitAll(context.Background())
			})
		})
	}
}

// A completion has a read-side section until it has touched the context for the last time, though the count that free waits for is
// down before.
func TestTheFreeWaitsForTheCompletion(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\n")
	c.wait.n.Store(1) // so that the completion, in its section, comes to the queue's lock
	c.wait.mu.Lock()
	finished := begin(t, func() outcome { return outcome{n: f.finish(1, 0)} })
	testenv.Eventually(t, "nothing is in flight", func() bool { return c.reqsActive.Load() == 0 })
	c.dead.Store(true)
	e.unlink(c)
	synced := begin(t, func() outcome {
		e.rcu.Synchronize()
		return outcome{}
	})
	finished.runs()
	synced.runs()
	c.wait.mu.Unlock()
	finished.want(1, 0)
	synced.want(0, 0)
	c.killWork()
}
