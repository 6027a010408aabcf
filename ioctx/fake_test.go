package ioctx

import (
	"maps"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// fakeEngine does nothing by itself: the test says when a request completes and with what. It holds ioctx to the contract of
// package engine: nothing is called after a queue's Close, and Close comes after all else has returned and completed.
type fakeEngine struct {
	t testing.TB

	mu       sync.Mutex
	fail     error // what NewQueue fails with
	stubborn bool  // Cancel does nothing
	log      []string
	queues   []*fakeQueue

	// Called within the queue's methods, with no lock held. onSubmit comes when the batch can be completed. Set before use.
	onSubmit, onCancel func(q *fakeQueue, batch []*engine.Request)
	onClose            func(q *fakeQueue)
}

type fakeQueue struct {
	*fakeEngine
	requests []*engine.Request // guarded by mu; in flight, as they came
	calls    int               // guarded by mu; Submit and Cancel that have not returned
	closed   bool              // guarded by mu
	deaf     bool              // guarded by mu; Cancel does nothing in this queue
	fixed    map[uint32]int32  // guarded by mu; the files that are registered
	names    uint32            // guarded by mu; registered ever
}

func (*fakeEngine) Name() string { return "fake" }

func (e *fakeEngine) Close() int { return 0 }

func (e *fakeEngine) NewQueue(int, engine.Client) (engine.Queue, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return nil, e.fail
	}
	q := &fakeQueue{fakeEngine: e}
	e.queues = append(e.queues, q)
	return q, nil
}

// enter begins a call of Submit or Cancel; the result ends it.
func (q *fakeQueue) enter(what string) (leave func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.log = append(q.log, what)
	if q.closed {
		q.t.Errorf("%s of a queue that is closed", what)
	}
	q.calls++
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.calls--
	}
}

func (q *fakeQueue) Submit(batch []*engine.Request) {
	defer q.enter("submit")()
	q.mu.Lock()
	q.requests = append(q.requests, batch...)
	q.mu.Unlock()
	if q.onSubmit != nil {
		q.onSubmit(q, batch)
	}
}

func (q *fakeQueue) Cancel(batch []*engine.Request) {
	defer q.enter("cancel")()
	if q.onCancel != nil {
		q.onCancel(q, batch)
	}
	q.mu.Lock()
	stubborn := q.stubborn || q.deaf
	q.mu.Unlock()
	for _, r := range batch {
		if !stubborn {
			q.complete(r, -int64(syscall.ECANCELED))
		}
	}
}

func (q *fakeQueue) Close() {
	if q.onClose != nil {
		q.onClose(q)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.log = append(q.log, "close")
	if q.closed || q.calls > 0 || len(q.requests) > 0 || len(q.fixed) > 0 {
		q.t.Errorf("Close of a queue, closed: %v, in use by %d calls, %d requests and %d files", q.closed, q.calls, len(q.requests), len(q.fixed))
	}
	q.closed = true
	q.queues = slices.DeleteFunc(q.queues, func(other *fakeQueue) bool { return other == q })
}

func (q *fakeQueue) Register(fd int32) uint32 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.names++
	if q.fixed == nil {
		q.fixed = make(map[uint32]int32)
	}
	q.fixed[q.names] = fd
	return q.names
}

func (q *fakeQueue) Unregister(fixed uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.fixed[fixed]; !ok || q.closed {
		q.t.Errorf("Unregister of %d, which is registered: %v; the queue is closed: %v", fixed, ok, q.closed)
	}
	for _, r := range q.requests {
		if r.Fixed == fixed {
			q.t.Error("Unregister of a file that a request in flight has")
		}
	}
	delete(q.fixed, fixed)
}

// registered is what the files of q are.
func (q *fakeQueue) registered() map[uint32]int32 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.fixed)
}

// complete ends r if it is in flight.
func (q *fakeQueue) complete(r *engine.Request, res int64) bool {
	q.mu.Lock()
	at := -1
	for i := range q.requests {
		if q.requests[i] == r {
			at = i
		}
	}
	if at >= 0 {
		q.requests = append(q.requests[:at:at], q.requests[at+1:]...)
	}
	q.mu.Unlock()
	if at >= 0 {
		r.Owner.Complete(res)
	}
	return at >= 0
}

// inflight lists what the engine has of all queues, as it came.
func (e *fakeEngine) inflight() (rs []*engine.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, q := range e.queues {
		rs = append(rs, q.requests...)
	}
	return rs
}

// finish completes up to n of the requests in flight, the oldest first, and returns how many.
func (e *fakeEngine) finish(n int, res int64) (done int) {
	for _, r := range e.inflight() {
		if done == n {
			break
		}
		if e.queueOf(r).complete(r, res) {
			done++
		}
	}
	return done
}

// queueOf is the queue that has r in flight; one that has nothing where r is over by now.
func (e *fakeEngine) queueOf(r *engine.Request) *fakeQueue {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, q := range e.queues {
		if slices.Contains(q.requests, r) {
			return q
		}
	}
	return &fakeQueue{fakeEngine: e}
}

func (e *fakeEngine) obey(yes bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stubborn = !yes
}

func (e *fakeEngine) setFail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail = err
}

// calls is what ioctx has called, in order.
func (e *fakeEngine) calls() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.log...)
}

// fakeEnv is newEnv over a fakeEngine. What is in flight at the end is completed.
func fakeEnv(t *testing.T, cfg Config) (*env, *fakeEngine) {
	f := &fakeEngine{t: t}
	e := newEnv(t, threads.NewPool(), f, cfg)
	t.Cleanup(func() {
		f.obey(true)
		f.finish(len(f.inflight()), 0)
	})
	return e, f
}
