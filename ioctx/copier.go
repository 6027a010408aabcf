package ioctx

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// copier brings what the reads of a context have read to where their caller wants it, before their events, one after another on one pool
// thread. Where the caller's memory makes it wait, only reads of the same context wait with it.
type copier struct {
	ctx  *Kioctx
	task threads.Task // the pool's, or that of who set running

	mu      sync.Mutex
	ready   []readDone    // guarded by mu
	running bool          // guarded by mu
	copying chan struct{} // guarded by mu; nil: nothing is being copied; closed when it has been
}

// readDone is a read that nobody but the copier completes any more.
type readDone struct {
	k   *kiocb
	res int64
}

func (q *copier) add(k *kiocb, res int64) {
	pool := q.ctx.table.cfg.Pool
	q.mu.Lock()
	q.ready = append(q.ready, readDone{k, res})
	begins := !q.running
	q.running = true
	q.mu.Unlock()
	if begins {
		q.task = threads.Task{Class: engine.ClassHang, Share: q.ctx.aside, Run: q.run}
		pool.Go(&q.task)
	}
}

// run touches the context's own memory no more when the last request is over, which may be all that kept it.
func (q *copier) run(*threads.Thread) {
	var batch []readDone
	for {
		batch = q.take(batch)
		if len(batch) == 0 {
			return
		}
		for _, d := range batch {
			res := d.res
			if q.begin() {
				if res = int64(d.k.mem.transfer(int(res), unix.Pwrite)); res == 0 {
					res = -int64(syscall.EFAULT)
				}
				q.end()
			}
			d.k.complete(res)
		}
		clear(batch)
	}
}

// take takes what is ready and leaves room for more; where there is nothing the task ends.
func (q *copier) take(room []readDone) []readDone {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.ready
	q.ready = room[:0]
	q.running = len(batch) > 0
	return batch
}

// begin says whether there is still somebody to copy for: not after the kill.
func (q *copier) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ctx.dead.Load() {
		return false
	}
	q.copying = make(chan struct{})
	return true
}

func (q *copier) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.copying)
	q.copying = nil
}

// copyWait is how long a kill waits for a copy that has begun. Unless the caller's own memory hangs it takes microseconds.
const copyWait = 100 * time.Millisecond

// settle returns when nothing is written into a caller's memory any more, dead having been set.
func (q *copier) settle() {
	q.mu.Lock()
	copying := q.copying
	q.mu.Unlock()
	if copying == nil {
		return
	}
	late := time.NewTimer(copyWait)
	defer late.Stop()
	select {
	case <-copying:
	case <-late.C:
	}
}
