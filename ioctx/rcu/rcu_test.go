package rcu

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// start runs synchronize beside the test and says when it has returned.
func start(synchronize func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		synchronize()
		close(done)
	}()
	return done
}

// interleavings are the ways in which a reader can have come by what is freed next. begin enters the section.
var interleavings = []struct {
	name  string
	begin func(d *Domain) Reader
}{
	{"a reader", (*Domain).ReadLock},
	{"a reader in the last slot", func(d *Domain) Reader {
		return d.enter(nrSlots-1, d.phase.Load())
	}},
	{"a reader that was held up inside ReadLock over a grace period", func(d *Domain) Reader {
		phase := d.phase.Load()
		d.Synchronize()
		return d.enter(0, phase)
	}},
	{"a reader that was held up over two", func(d *Domain) Reader {
		phase := d.phase.Load()
		d.Synchronize()
		d.Synchronize()
		return d.enter(0, phase)
	}},
}

// violated unlinks, synchronizes and frees while a reader is inside that begin has let in, and says whether the reader
// finds its node freed.
func violated(synchronize func(*Domain), begin func(*Domain) Reader) bool {
	var d Domain
	var head atomic.Pointer[node]
	head.Store(new(node))
	r := begin(&d)
	n := head.Load()
	head.Store(nil)
	done := start(func() {
		synchronize(&d)
		n.freed.Store(true)
	})
	synctest.Wait()
	freed := n.freed.Load()
	r.Unlock()
	<-done
	return freed
}

func TestSynchronizeWaitsForReaders(t *testing.T) {
	for _, c := range interleavings {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if violated((*Domain).Synchronize, c.begin) {
					t.Error("a node was freed under its reader")
				}
			})
		})
	}
}

// TestShortGracePeriodsAreSeen shows that the interleavings can tell a grace period from less: each mutant frees under
// at least one reader.
func TestShortGracePeriodsAreSeen(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			seen := false
			for _, c := range interleavings {
				synctest.Test(t, func(*testing.T) {
					seen = violated(m.synchronize, c.begin) || seen
				})
			}
			if !seen {
				t.Error("no reader noticed")
			}
		})
	}
}

// TestSynchronizeReturnsUnderReaders has readers overlap, so that there is one at every moment.
func TestSynchronizeReturnsUnderReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Domain
		for range 4 {
			first := d.enter(0, d.phase.Load())
			done := start(d.Synchronize)
			synctest.Wait()
			second := d.enter(0, d.phase.Load())
			first.Unlock()
			select {
			case <-done:
			case <-time.After(10 * maxNap):
				t.Error("Synchronize waits for a reader that came after it")
			}
			second.Unlock()
			<-done
		}
	})
}

func TestNestedSections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Domain
		outer, second := d.ReadLock(), d.ReadLock()
		done := start(d.Synchronize)
		synctest.Wait()
		d.ReadLock().Unlock() // in the other phase
		for _, r := range []Reader{outer, second} {
			<-time.After(10 * maxNap)
			select {
			case <-done:
				t.Error("Synchronize returned while a section ran")
			default:
			}
			r.Unlock()
		}
		<-done
	})
}

func TestUnlockTwicePanics(t *testing.T) {
	var d Domain
	r := d.ReadLock()
	r.Unlock()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	r.Unlock()
}

func TestReadersDoNotAllocate(t *testing.T) {
	var d Domain
	if n := testing.AllocsPerRun(1000, func() { d.ReadLock().Unlock() }); n != 0 {
		t.Errorf("%v allocations in a section", n)
	}
}

func BenchmarkReadLock(b *testing.B) {
	var d Domain
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d.ReadLock().Unlock()
		}
	})
}

func BenchmarkSynchronizeIdle(b *testing.B) {
	var d Domain
	for b.Loop() {
		d.Synchronize()
	}
}
