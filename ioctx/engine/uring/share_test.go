package uring

import (
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/enginetest"
	"github.com/aiofs/aiofs/ring/testenv"
)

// newShareQueue makes a queue of a share that is closed when the test ends.
func newShareQueue(t *testing.T, e *Engine, share string) *queue {
	t.Helper()
	q, err := newQueue(e, 64, engine.Client{Share: share})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// Queues of one share together have no more than its part of what may hang; another share has its own. What they leave goes to
// whichever waits.
func TestShareOfSeveralQueues(t *testing.T) {
	h, e := enginetest.NewHangFS(t), startLimited(t, 6, 3)
	var calls []*call
	for _, share := range []string{"a", "a", "b", "a"} {
		of := hangs(t, h, 10)
		newShareQueue(t, e, share).Submit(batchOf(of...))
		calls = append(calls, of...)
	}
	e.hang.mu.Lock()
	for share, part := range e.hang.parts {
		if part.taken != 3 {
			t.Errorf("%v has %d, want 3", share, part.taken)
		}
	}
	e.hang.mu.Unlock()
	h.Release()
	for _, c := range calls {
		c.want(t, 1)
	}
	testenv.Eventually(t, "all places are free", func() bool {
		e.hang.mu.Lock()
		defer e.hang.mu.Unlock()
		return e.hang.free == 6 && len(e.hang.waiting) == 0 && e.hang.parts["a"].taken == 0
	})
}

// A share that no queue has any more is forgotten.
func TestShareForgotten(t *testing.T) {
	e := start(t)
	for range 2 {
		q, err := newQueue(e, 1, engine.Client{Share: "a"})
		if err != nil {
			t.Fatal(err)
		}
		if e.hang.parts["a"] != q.part {
			t.Error("the queue has another part than its share")
		}
		q.Close()
		if len(e.hang.parts) != 0 {
			t.Errorf("%d shares are left", len(e.hang.parts))
		}
	}
}
