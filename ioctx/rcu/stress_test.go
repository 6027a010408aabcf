package rcu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// node is an element of a list that readers follow under RCU. It is never really freed: freed only says so, and is atomic,
// so that a grace period cut short is seen by the test and not by the race detector.
type node struct {
	next  atomic.Pointer[node]
	freed atomic.Bool
}

// mutants are grace periods that are none.
var mutants = []struct {
	name        string
	synchronize func(*Domain)
}{
	{"no wait", func(*Domain) {}},
	{"a flip without draining", func(d *Domain) {
		d.phase.Store(1 - d.phase.Load())
	}},
	{"no drain after the flip", func(d *Domain) {
		old := d.phase.Load()
		d.drain(1 - old)
		d.phase.Store(1 - old)
	}},
	{"no drain before the flip", func(d *Domain) {
		old := d.phase.Load()
		d.phase.Store(1 - old)
		d.drain(old)
	}},
	{"the last slot left out", func(d *Domain) {
		for i := range nrSlots - 1 {
			await(&d.slots[i].readers[0])
			await(&d.slots[i].readers[1])
		}
	}},
}

const (
	listLen = 8
	readers = 4
)

// stress has readers follow a list while one writer replaces its nodes, up to updates of them, each freed as retire says.
// It stops where a reader has found a freed node, and says whether one has.
func stress(d *Domain, updates int, retire func(free func())) bool {
	var head node
	for range listLen {
		insert(&head)
	}
	var violated, stop atomic.Bool
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for !stop.Load() {
				if traverse(d, &head) {
					violated.Store(true)
				}
			}
		})
	}
	for i := 0; i < updates && !violated.Load(); i++ {
		insert(&head)
		n := removeAt(&head, 1+i%listLen)
		retire(func() {
			n.freed.Store(true)
			n.next.Store(nil)
		})
	}
	stop.Store(true)
	wg.Wait()
	return violated.Load()
}

// traverse follows the list in one section, letting others run at each node, and says whether one of them was freed.
func traverse(d *Domain, head *node) (freed bool) {
	defer d.ReadLock().Unlock()
	for n := head.next.Load(); n != nil; n = n.next.Load() {
		runtime.Gosched()
		if n.freed.Load() {
			return true
		}
	}
	return false
}

func insert(head *node) {
	n := new(node)
	n.next.Store(head.next.Load())
	head.next.Store(n)
}

// removeAt takes the i-th node out of the list: list_del_rcu, which leaves its next for readers that stand on it.
func removeAt(head *node, i int) *node {
	prev := head
	for range i {
		prev = prev.next.Load()
	}
	n := prev.next.Load()
	prev.next.Store(n.next.Load())
	return n
}

func TestStress(t *testing.T) {
	const updates = 2000
	t.Run("Synchronize", func(t *testing.T) {
		var d Domain
		if stress(&d, updates, func(free func()) { d.Synchronize(); free() }) {
			t.Error("a reader found a freed node")
		}
	})
	t.Run("Call", func(t *testing.T) {
		var d Domain
		if stress(&d, updates, d.Call) {
			t.Error("a reader found a freed node")
		}
		d.Barrier()
	})
}

// TestStressSeesShortGracePeriods shows that the stress above finds a grace period that does not wait for the readers
// it must wait for. The other mutants fail readers of rarer kinds, which the constructed interleavings have.
func TestStressSeesShortGracePeriods(t *testing.T) {
	for _, m := range mutants[:2] {
		t.Run(m.name, func(t *testing.T) {
			var d Domain
			if !stress(&d, 10_000_000, func(free func()) { m.synchronize(&d); free() }) {
				t.Error("no reader found a freed node")
			}
		})
	}
}
