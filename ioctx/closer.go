package ioctx

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// closer closes a context's files that cannot hang, one after another on one pool thread. That may get a processor late, while others
// open file after file: so whoever opens one for the context closes one first, and no more are open than slots and requests in flight
// ever had at once.
type closer struct {
	ctx  *Kioctx
	task threads.Task // the pool's, or that of who set running

	mu      sync.Mutex
	files   []*file // guarded by mu; oldest first
	running bool    // guarded by mu
}

func (q *closer) add(f *file) {
	q.mu.Lock()
	q.files = append(q.files, f)
	begins := !q.running
	q.running = true
	q.mu.Unlock()
	if begins {
		q.task = threads.Task{
			Class: engine.ClassLocal, Share: q.ctx.aside, Cred: q.ctx.owner.Cred, Run: q.run,
			Fail: func(error) { q.run(nil) },
		}
		q.ctx.table.cfg.Pool.Go(&q.task)
	}
}

func (q *closer) run(*threads.Thread) {
	for {
		f := q.take(true)
		if f == nil {
			return
		}
		f.close()
	}
}

// closeOne is for a pool thread that is about to open another.
func (q *closer) closeOne() {
	if f := q.take(false); f != nil {
		f.close()
	}
}

// take takes the oldest file; nil where there is none, and then the task ends, if the taker is that.
func (q *closer) take(task bool) *file {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.files) == 0 {
		q.files = nil
		q.running = q.running && !task
		return nil
	}
	f := q.files[0]
	q.files[0] = nil
	q.files = q.files[1:]
	return f
}

// closeApart closes a file that may hang, by itself.
func (f *file) closeApart() {
	f.closing = threads.Task{
		Class: f.class, Share: f.ctx.aside, Cred: f.ctx.owner.Cred, Run: func(*threads.Thread) { f.close() },
		Fail: func(error) { f.close() },
	}
	f.ctx.table.cfg.Pool.Go(&f.closing)
}

func (f *file) close() {
	unix.Close(f.fd)
	f.ctx.user.files.release()
}
