package uring

import "sync"

// A request of ClassHang takes an io-wq worker of the thread that submitted it for as long as the file does not answer.
// Workers are limited for each thread, and any of Go's threads may submit any request. So all queues together keep no more
// of them with the kernel than hangTotal, and each thread may have spareWorkers more workers than that: fsyncs and buffered writes
// of local files always find one. One share, of a context or of a user, takes no more than hangShare.
const (
	hangTotal    = 2048
	hangShare    = 512
	spareWorkers = 64
)

// maxWorkers is the same for every ring of the process: a thread takes its limit from the first one that it enters, and
// keeps it when that is gone.
const maxWorkers = hangTotal + spareWorkers

// hangBudget is what is left of an engine's total, and who waits for it.
type hangBudget struct {
	most int // for one part

	mu      sync.Mutex
	free    int
	parts   map[any]*hangPart // those that several queues have, by their share
	waiting []*queue          // those with a backlog that found no place, in the order that they did
}

// hangPart is how much of the total one share has. Guarded by hangBudget.mu.
type hangPart struct {
	share  any // nil: one queue's alone
	queues int
	taken  int
}

// join gives a queue its part.
func (b *hangBudget) join(share any) *hangPart {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.parts[share]
	if p == nil {
		p = &hangPart{share: share}
		if share != nil {
			b.parts[share] = p
		}
	}
	p.queues++
	return p
}

// leave takes q off the waiting queues, and away from its part. Nothing of q is with the kernel.
func (b *hangBudget) leave(q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q.part.queues--; q.part.queues == 0 {
		delete(b.parts, q.part.share)
	}
	for i, w := range b.waiting {
		if w == q {
			b.waiting = append(b.waiting[:i:i], b.waiting[i+1:]...)
			return
		}
	}
}

// take takes a place for q; where there is none it has q kicked when there is.
func (b *hangBudget) take(q *queue) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free > 0 && q.part.taken < b.most {
		b.free--
		q.part.taken++
		return true
	}
	if !q.waits {
		q.waits = true
		b.waiting = append(b.waiting, q)
	}
	return false
}

// waits says whether q will be kicked when there is a place for it.
func (b *hangBudget) waits(q *queue) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return q.waits
}

// release gives back n places of q, which then looks for one itself, and kicks as many other queues as there are places for. A queue
// that finds nothing left waits again; one that needed none, having been cancelled or closed meanwhile, releases 0 so that the
// next is kicked.
func (b *hangBudget) release(q *queue, n int) {
	var kicked []*queue
	b.mu.Lock()
	b.free += n
	q.part.taken -= n
	kept := b.waiting[:0]
	for _, w := range b.waiting {
		switch {
		case len(kicked) == b.free || w.part.taken == b.most:
			kept = append(kept, w)
			continue
		case w != q || n == 0:
			kicked = append(kicked, w)
		}
		w.waits = false
	}
	clear(b.waiting[len(kept):])
	b.waiting = kept
	b.mu.Unlock()
	for _, w := range kicked {
		w.kick()
	}
}
