package enginetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

// Call is a Request together with its Owner, which counts completions.
type Call struct {
	engine.Request
	t         testing.TB
	submitted atomic.Int32
	completed atomic.Int32
	results   chan int64
}

// NewCall makes the Owner of r, which may be submitted again after each Wait.
func NewCall(t testing.TB, r engine.Request) *Call {
	c := &Call{Request: r, t: t, results: make(chan int64, 4)}
	c.Owner = c
	return c
}

// Complete implements engine.Owner. A completion too many fails the test.
func (c *Call) Complete(res int64) {
	if n, of := c.completed.Add(1), c.submitted.Load(); n > of {
		c.t.Errorf("completion %d (%d) of %d submits of %s", n, res, of, describe(&c.Request))
		return
	}
	c.results <- res
}

// Wait returns the result, for which it waits.
func (c *Call) Wait() int64 {
	c.t.Helper()
	select {
	case res := <-c.results:
		return res
	default:
	}
	late := time.NewTimer(testenv.Patience)
	defer late.Stop()
	select {
	case res := <-c.results:
		return res
	case <-late.C:
		c.t.Fatalf("no completion of %s", describe(&c.Request))
		panic("unreachable")
	}
}

// Done tells whether a result waits to be fetched.
func (c *Call) Done() bool { return len(c.results) > 0 }
