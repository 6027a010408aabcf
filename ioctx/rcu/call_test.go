package rcu

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallWaitsForReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Domain
		var ran atomic.Bool
		r := d.ReadLock()
		d.Call(func() { ran.Store(true) })
		<-time.After(10 * maxNap)
		if ran.Load() {
			t.Error("a callback ran while a section did that had begun before its Call")
		}
		r.Unlock()
		d.Barrier()
		if !ran.Load() {
			t.Error("Barrier returned before the callback had run")
		}
	})
}

// TestCallBehindABatch calls while the goroutine already waits for an earlier grace period, which is not enough for
// a reader that has come since.
func TestCallBehindABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Domain
		var first, second atomic.Bool
		r1 := d.ReadLock()
		d.Call(func() { first.Store(true) })
		synctest.Wait()
		r2 := d.ReadLock()
		d.Call(func() { second.Store(true) })
		r1.Unlock()
		<-time.After(10 * maxNap)
		if !first.Load() || second.Load() {
			t.Errorf("first callback ran: %v, want true; second: %v, want false", first.Load(), second.Load())
		}
		r2.Unlock()
		d.Barrier()
	})
}

func TestCallbacksRunInOrder(t *testing.T) {
	var d Domain
	var got []int
	for i := range 100 {
		d.Call(func() { got = append(got, i) })
	}
	d.Barrier()
	for i, v := range got {
		if i != v {
			t.Fatalf("callback %d ran as number %d", v, i)
		}
	}
	if len(got) != 100 {
		t.Errorf("%d callbacks ran, want 100", len(got))
	}
}

func TestCallbacksShareAGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Domain
		r := d.ReadLock()
		d.Call(func() {})
		synctest.Wait() // it has been taken off the queue and waits alone
		phases := make(map[uint32]bool)
		for range 100 {
			d.Call(func() { phases[d.phase.Load()] = true })
		}
		r.Unlock()
		d.Barrier()
		if len(phases) != 1 {
			t.Error("callbacks that waited together had more than one grace period")
		}
	})
}

func TestCallFromCallback(t *testing.T) {
	var d Domain
	done := make(chan struct{})
	d.Call(func() {
		d.Synchronize()
		d.Call(func() { close(done) })
	})
	<-done
	d.Barrier()
}

func TestBarrierAlone(t *testing.T) {
	var d Domain
	defer d.ReadLock().Unlock()
	d.Barrier() // with nothing to wait for, not even the reader
}

// TestCallConcurrently ends its goroutine many times over, so that Calls come at every moment of it. The bubble
// fails the test where a goroutine is left.
func TestCallConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Domain
		var ran atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range 500 {
					d.Call(func() { ran.Add(1) })
					if i%8 == 0 {
						d.Barrier()
					}
				}
			})
		}
		wg.Wait()
		d.Barrier()
		if n := ran.Load(); n != 2000 {
			t.Errorf("%d callbacks ran, want 2000", n)
		}
	})
}
