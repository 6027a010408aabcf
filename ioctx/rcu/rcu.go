// Package rcu gives read-side sections that never block, and waits for those that are running to end.
//
// A table, a ring or a descriptor is taken out of reach of new readers first, then Synchronize (or Call) waits until
// every reader that may have found it before is gone, then it is freed. It is what rcu_read_lock, synchronize_rcu,
// call_rcu and rcu_barrier are in the kernel, built as its SRCU is (kernel/rcu/srcutree.c): two sets of counters, and a
// phase that says which of them new readers take.
//
// What readers follow must be published and taken out with sync/atomic: the proof below stands on the one total order in
// which Go's atomic operations take place.
//
// Why a grace period is one. A reader adds itself to a counter and then loads pointers; an updater stores a pointer and
// then looks at the counters. Once Synchronize has seen a counter at 0, no reader that had entered through this counter
// before is still inside. A reader that enters it later loads its pointers after that look, thus after the updater's
// store, and cannot find what was taken out. Synchronize sees each counter of both phases at 0 once, so no reader is
// left that could have.
//
// A reader that loads the phase, is held up, and adds itself to that phase's counter only after a flip, or several, is one
// of these two kinds and therefore harmless: it was counted before the look, which then waits for it although its phase
// has gone idle, or it came after. The phases decide nothing about safety. They bound the wait: the counters
// that are waited for are those that new readers no longer take, so a steady stream of readers cannot hold a grace period
// up, and the held-up ones are no more than were inside ReadLock at the flip.
//
// Lock order: Domain.grace, then nothing; Domain.queueMu, then nothing. No callback runs under either.
package rcu

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// nrSlots is a power of two well above the number of processors of most machines; with more, some share a cache line.
	nrSlots = 128
	// slotSize in bytes keeps neighbours apart where the cache fetches lines of 64 bytes in pairs.
	slotSize = 128
)

// slot counts readers, by the phase that each found at its entry.
type slot struct {
	readers [2]atomic.Int32
	_       [slotSize - 8]byte
}

// Domain is a set of readers and those who wait for them. The zero value is ready; it must not be copied.
type Domain struct {
	slots [nrSlots]slot
	phase atomic.Uint32 // 0 or 1: which counters new readers take; written under grace

	grace sync.Mutex // one grace period at a time: they share the phase

	queueMu sync.Mutex
	queue   []func() // guarded by queueMu; what Call left
	running bool     // guarded by queueMu; runQueue has been started and has not yet found the queue empty
}

// Reader is a read-side section, to be ended once by Unlock.
type Reader struct {
	count *atomic.Int32
}

// ReadLock begins a read-side section: rcu_read_lock. It never blocks and never allocates. Sections nest, each with its
// own Reader, and may end on another goroutine. A section holds up every Synchronize, so nothing that waits belongs into it.
func (d *Domain) ReadLock() Reader {
	// Any slot is right; a random one, from the thread's own generator, seldom lies in another processor's cache.
	return d.enter(rand.Uint32()%nrSlots, d.phase.Load())
}

func (d *Domain) enter(slot, phase uint32) Reader {
	count := &d.slots[slot].readers[phase]
	count.Add(1)
	return Reader{count}
}

// Unlock ends the section: rcu_read_unlock. It panics where more sections end than have begun.
func (r Reader) Unlock() {
	if r.count.Add(-1) < 0 {
		panic("rcu: Unlock of a section that has ended")
	}
}

// Synchronize returns once every read-side section that had begun before the call has ended: synchronize_rcu. It blocks
// for as long as those take, without any reader under a microsecond. Within a read-side section it never returns.
func (d *Domain) Synchronize() {
	d.grace.Lock()
	defer d.grace.Unlock()
	old := d.phase.Load()
	// Readers that were held up in an earlier ReadLock: they must have gone before new ones join them.
	d.drain(1 - old)
	d.phase.Store(1 - old)
	d.drain(old)
}

// drain sees every counter of a phase at 0, each at a moment of its own.
func (d *Domain) drain(phase uint32) {
	for i := range d.slots {
		await(&d.slots[i].readers[phase])
	}
}

const (
	yields = 16 // most sections end within a few
	minNap = 20 * time.Microsecond
	maxNap = time.Millisecond
)

// await yields, then sleeps, until it has seen count at 0. It may be late by maxNap. Readers wake nobody: that would cost
// each of them a look at a shared word.
func await(count *atomic.Int32) {
	for range yields {
		if count.Load() == 0 {
			return
		}
		runtime.Gosched()
	}
	for nap := minNap; count.Load() != 0; nap = min(2*nap, maxNap) {
		time.Sleep(nap)
	}
}
