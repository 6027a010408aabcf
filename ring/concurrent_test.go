package ring

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestProducerAndConsumer has them at work at once. Slots, as ioctx has them, keep the producer from overwriting.
func TestProducerAndConsumer(t *testing.T) {
	const total = 20_000
	r := newRing(t, 1, 1)
	slots := make(chan struct{}, r.Nr()-1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range uint64(total) {
			slots <- struct{}{}
			complete(r, event(i))
		}
	})
	for next := uint64(0); next < total; {
		w := r.Peek()
		for i := range w.Len() {
			if ev, _ := w.At(i); ev != event(next) {
				t.Errorf("event %d is %+v", next, ev)
			}
			next++
		}
		w.Advance(w.Len())
		for range w.Len() {
			<-slots
		}
		if w.Len() == 0 {
			runtime.Gosched()
		}
	}
	wg.Wait()
	if r.Len() != 0 {
		t.Errorf("%d events left", r.Len())
	}
}

// TestClientConsumes reaps as a client does, by the header alone: tail, then the events, then head.
func TestClientConsumes(t *testing.T) {
	const total = 20_000
	r := newRing(t, 1, 1)
	h, nr := r.header, r.header.Nr
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := uint64(0); i < total; {
			if r.Len() == r.Nr()-1 {
				runtime.Gosched()
				continue
			}
			complete(r, event(i))
			i++
		}
	})
	head := uint32(0)
	for next := uint64(0); next < total; {
		tail := atomic.LoadUint32(&h.Tail)
		if head == tail {
			runtime.Gosched()
		}
		for ; head != tail; head = (head + 1) % nr {
			if ev := r.events[head]; ev != event(next) {
				t.Errorf("event %d is %+v", next, ev)
			}
			next++
		}
		atomic.StoreUint32(&h.Head, head)
	}
	wg.Wait()
}

// TestScribblerBesideBoth has a client store into the header all the while.
func TestScribblerBesideBoth(t *testing.T) {
	const total = 20_000
	r := newRing(t, 1, 1)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			for _, x := range scribbles(r.Nr()) {
				atomic.StoreUint32(&r.header.Head, x)
				atomic.StoreUint32(&r.header.Tail, x)
				atomic.StoreUint32(&r.header.Nr, x)
			}
			runtime.Gosched()
		}
	})
	wg.Go(func() {
		for i := range uint64(total) {
			if index := complete(r, event(i)); index != uint32(i%uint64(r.Nr())) {
				t.Errorf("event %d was put at %d", i, index)
			}
		}
		stop.Store(true)
	})
	for !stop.Load() {
		w := r.Peek()
		if w.Len() >= r.Nr() {
			t.Errorf("%d events in a ring of %d", w.Len(), r.Nr())
		}
		for i := range w.Len() {
			w.At(i)
		}
		w.Advance(w.Len())
		runtime.Gosched()
	}
	wg.Wait()
}

func TestNothingAllocates(t *testing.T) {
	r := newRing(t, 1, 1)
	n := testing.AllocsPerRun(1000, func() {
		complete(r, event(1))
		w := r.Peek()
		w.At(0)
		w.Advance(w.Len())
		r.Len()
	})
	if n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func BenchmarkPutTake(b *testing.B) {
	r := newRing(b, 1, 1)
	for b.Loop() {
		complete(r, event(1))
		w := r.Peek()
		w.At(0)
		w.Advance(1)
	}
}
