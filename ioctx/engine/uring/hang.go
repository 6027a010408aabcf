package uring

import "sync"

// A request of ClassHang takes an io-wq worker of the thread that submitted it for as long as the file does not answer.
// Workers are limited for each thread, and any of Go's threads may submit any request. So all queues together keep no more
// of them with the kernel than hangTotal, and each thread may have spareWorkers more workers than that: fsyncs and buffered writes
// of local files always find one. One queue takes no more than hangShare.
const (
	hangTotal    = 2048
	hangShare    = 512
	spareWorkers = 64
)

// hangBudget is what is left of an engine's total, and who waits for it.
type hangBudget struct {
	mu      sync.Mutex
	free    int
	waiting []*queue // those with a backlog that found free at 0, in the order that they did
}

// take takes one for q; where there is none it has q kicked when there is.
func (b *hangBudget) take(q *queue) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free > 0 {
		b.free--
		return true
	}
	if !q.waits {
		q.waits = true
		b.waiting = append(b.waiting, q)
	}
	return false
}

// release gives back n and kicks as many queues as there are places. A queue that finds nothing left waits again; one that
// needed none, having been cancelled or closed meanwhile, releases 0 so that the next is kicked.
func (b *hangBudget) release(n int) {
	b.mu.Lock()
	b.free += n
	kicked := b.waiting[:min(b.free, len(b.waiting))]
	b.waiting = b.waiting[len(kicked):]
	for _, q := range kicked {
		q.waits = false
	}
	b.mu.Unlock()
	for _, q := range kicked {
		q.kick()
	}
}

// forget takes q off the waiting queues.
func (b *hangBudget) forget(q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.waiting {
		if w == q {
			b.waiting = append(b.waiting[:i:i], b.waiting[i+1:]...)
			return
		}
	}
}

// admit reports whether one more ClassHang request may go to the kernel, and counts it. mu is held.
func (q *queue) admit() bool {
	if q.hanging == q.eng.share || !q.eng.hang.take(q) {
		return false
	}
	q.hanging++
	return true
}
