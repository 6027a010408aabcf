package ioctx

import (
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// newWaiter puts one that waits for min on q.
func newWaiter(q *waitQueue, min int) *waiter {
	w := &waiter{min: min, woken: make(chan struct{}, 1)}
	q.prepare(w)
	return w
}

// Only those are woken whose min is met, all of them, and a wakeup is kept until they look.
func TestWake(t *testing.T) {
	var q waitQueue
	q.wake(1) // nobody
	waiters := []*waiter{newWaiter(&q, 1), newWaiter(&q, 1), newWaiter(&q, 3), newWaiter(&q, 4)}
	for _, step := range []struct{ n, woken int }{{0, 0}, {1, 2}, {1, 2}, {3, 3}, {4, 4}, {1 << 40, 4}} {
		q.wake(step.n)
		for i, w := range waiters {
			if woken := len(w.woken) == 1; woken != (i < step.woken) {
				t.Errorf("wake(%d): waiter %d woken: %v", step.n, i, woken)
			}
			select {
			case <-w.woken:
			default:
			}
		}
	}
	q.wakeAll()
	q.finish(waiters[0])
	<-waiters[0].woken
	q.wakeAll()
	if len(waiters[0].woken) > 0 || q.n.Load() != 3 {
		t.Errorf("one that has left is woken, or among the %d that wait", q.n.Load())
	}
}

// What came together with the deadline or a signal is not lost, though nobody woke the waiter for it. Invariant 9.
func TestTheConditionHasTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q waitQueue
		for _, comes := range []bool{false, true} {
			var there atomic.Bool
			wait := func(intr Interrupt, deadline time.Time) error {
				there.Store(false)
				time.AfterFunc(time.Second, func() { there.Store(comes) })
				return q.wait(1, there.Load, intr, deadline)
			}
			late := wait(nil, time.Now().Add(2*time.Second))
			sig := newSignal()
			time.AfterFunc(2*time.Second, func() { sig.send(true) })
			ended := wait(sig, time.Time{})
			if comes && (late != nil || ended != nil) || !comes && (late != syscall.ETIMEDOUT || ended != syscall.EINTR) {
				t.Errorf("at the deadline %v, at a signal %v, when it comes: %v", late, ended, comes)
			}
		}
	})
}

// After a signal that does not end the wait it is asked again every 50 ms, and wakeups go on.
func TestASignalIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q waitQueue
		sig := newSignal()
		start := time.Now()
		time.AfterFunc(time.Second, func() { sig.send(false) })
		time.AfterFunc(2*time.Second+recheck/2, func() { sig.send(true) })
		if err := q.wait(1, func() bool { return false }, sig, time.Time{}); err != syscall.EINTR {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second+recheck || sig.asks.Load() != 22 {
			t.Errorf("ended after %v and %d questions", took, sig.asks.Load())
		}
	})
}

func TestSemaphore(t *testing.T) {
	var s semaphore
	if err := s.acquire(nil, true); err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "held", s.acquire(nil, true), syscall.EAGAIN)
	sig := newSignal()
	sig.send(true)
	wantErrno(t, "held, with a signal", s.acquire(sig, false), syscall.EINTR)
	got := begin(t, func() outcome { return outcome{err: s.acquire(nil, false)} })
	asleep(t, &s.q, 1)
	got.runs()
	s.release()
	got.want(0, 0)
	s.release()
}
