package ioctx

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/osthread"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring/testenv"
)

// The barrier that the poller's sleep needs takes milliseconds, in which no signal comes through. On a thread that has submitted it
// would hold back all that completes there meanwhile.
func TestTheBarrierIsOnNoThreadThatSubmits(t *testing.T) {
	e, fake := fakeEnv(t, Config{SQIdle: 100 * time.Microsecond})
	if e.poller.idle == 0 {
		t.Log("one processor: nothing is polled, and no barrier needed")
		return
	}
	var submitter, submits, barriers atomic.Int64
	fake.onSubmit = func(q *fakeQueue, batch []*engine.Request) { // it stays in flight while the poller goes to sleep
		tid := unix.Gettid() // the poller has locked its thread
		osthread.Submits(tid, 1)
		submitter.Store(int64(tid))
		submits.Add(1)
	}
	e.poller.barrier = func() bool {
		if tid := unix.Gettid(); int64(tid) == submitter.Load() {
			t.Errorf("barrier %d is on thread %d, which has submitted", barriers.Load(), tid)
		}
		barriers.Add(1)
		return true
	}
	d := e.dataPlane(e.setup(1))
	for i := range int64(100) {
		before := barriers.Load()
		d.submit(iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop)})
		testenv.Eventually(t, "the request in flight", func() bool { return submits.Load() == i+1 })
		testenv.Eventually(t, "the poller asleep", func() bool { return barriers.Load() > before })
		osthread.Completed(int(submitter.Load()))
		fake.finish(1, 0)
		d.reap(e, 1)
	}
}

// Where requests complete at once more and more are taken together, so that a system call has many; where a device has to do
// them, few, so that it can begin.
func TestSQBatches(t *testing.T) {
	e, fake := fakeEnv(t, Config{SQIdle: DefaultSQIdle})
	var mu sync.Mutex
	var atOnce bool
	var sizes []int
	fake.onSubmit = func(q *fakeQueue, batch []*engine.Request) {
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, len(batch))
		for _, r := range batch {
			if atOnce {
				q.complete(r, 0)
			}
		}
	}
	d := e.dataPlane(e.setup(1))
	sent := 0
	submit := func(n int, complete bool) []int {
		t.Helper()
		mu.Lock()
		atOnce = complete
		before := len(sizes)
		mu.Unlock()
		batch := make([]iocb.Iocb, n)
		for i := range batch {
			batch[i].LioOpcode = uint16(iocb.CmdNoop)
		}
		d.submit(batch...)
		sent += n
		var taken []int
		testenv.Eventually(t, "all taken", func() bool {
			mu.Lock()
			defer mu.Unlock()
			taken = sizes[before:]
			sum := 0
			for _, n := range sizes {
				sum += n
			}
			return sum == sent
		})
		return taken
	}
	if largest := slices.Max(submit(128, true)); largest != sqBatchMost {
		t.Errorf("at most %d at once of 128 that complete at once, want %d", largest, sqBatchMost)
	}
	submit(64, false) // the first as large as the last
	for _, n := range submit(64, false) {
		if n > sqBatchLeast {
			t.Errorf("%d at once that do not complete at once, want at most %d", n, sqBatchLeast)
		}
	}
	fake.finish(128, 0)
	d.reap(e, sent)
}
