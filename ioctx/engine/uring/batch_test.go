package uring

import (
	"sync/atomic"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// batchCounter is a counter that can be told of many completions at once.
type batchCounter struct {
	*counter
	batches atomic.Int64
}

func (c *batchCounter) CompleteBatch(batch []engine.Done) {
	c.batches.Add(1)
	for _, d := range batch {
		d.Owner.Complete(d.Res)
	}
	clear(batch) // the slice is ours
}

// What has completed when Submit looks is told at once to who can take it so, and each request once.
func TestCompletionsAreToldTogether(t *testing.T) {
	const n = 64
	q := newTestQueue(t, start(t), n)
	c := &batchCounter{counter: newCounter()}
	batch := make([]*engine.Request, n)
	for i := range batch {
		batch[i] = &engine.Request{Op: engine.OpNop, Owner: c}
	}
	for range 3 {
		before := c.batches.Load()
		c.submit(q, batch)
		if told := c.batches.Load() - before; told != 1 {
			t.Errorf("%d no-ops were told in %d batches", n, told)
		}
	}
	// One alone needs no batch.
	before := c.batches.Load()
	c.submit(q, batch[:1])
	if c.batches.Load() != before {
		t.Error("one completion came as a batch")
	}
}
