package bench

import (
	"sync"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/uring"
)

// uringPath is raw io_uring: the engine that is under a mount, without the mount.
type uringPath struct {
	*setup
	mem    memory
	engine engine.Engine
	queue  engine.Queue
	slots  []uringSlot
	batch  []*engine.Request
	wake   chan struct{} // capacity 1: reap receives

	mu      sync.Mutex
	done    []completion // guarded by mu
	waiting bool         // guarded by mu: reap waits for wake
}

// A uringSlot is the owner of a request.
type uringSlot struct {
	path *uringPath
	slot int
	req  engine.Request
}

func openUring(s *setup) (path, error) {
	mem, err := newMemory(s.Depth * s.Block)
	if err != nil {
		return nil, err
	}
	u := &uringPath{setup: s, mem: mem, slots: make([]uringSlot, s.Depth), wake: make(chan struct{}, 1)}
	if u.engine, err = uring.NewRaw(); err == nil {
		u.queue, err = u.engine.NewQueue(s.Depth, engine.Client{})
	}
	if err != nil {
		mem.close()
		return nil, err
	}
	op := engine.OpRead
	if s.Write {
		op = engine.OpWrite
	}
	for i := range u.slots {
		o := &u.slots[i]
		o.path, o.slot = u, i
		o.req = engine.Request{Op: op, FD: int32(s.file.Fd()), Buf: mem.block(i, s.Block), Owner: o}
	}
	return newQueued(s, u), nil
}

func (u *uringPath) blocks() blocks { return u.mem }

func (u *uringPath) submit(slots []int, offs []int64) (int, error) {
	u.batch = u.batch[:0]
	for i, slot := range slots {
		r := &u.slots[slot].req
		r.Off = offs[i]
		u.batch = append(u.batch, r)
	}
	u.queue.Submit(u.batch)
	return len(slots), nil
}

// Complete implements engine.Owner.
func (o *uringSlot) Complete(res int64) {
	u := o.path
	u.mu.Lock()
	u.done = append(u.done, completion{o.slot, res})
	wake := u.waiting
	u.waiting = false
	u.mu.Unlock()
	if wake {
		u.wake <- struct{}{}
	}
}

func (u *uringPath) reap(done []completion) (int, error) {
	for {
		u.mu.Lock()
		n := copy(done, u.done)
		u.done = append(u.done[:0], u.done[n:]...)
		u.waiting = n == 0
		u.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		if !u.look() {
			<-u.wake
		}
	}
}

// look is what a client of shared memory does before it sleeps: it looks for completions itself for a while. True: it found some, so
// somebody was told to wake this goroutine up.
func (u *uringPath) look() bool {
	poller, ok := u.queue.(engine.Poller)
	if !ok {
		return false
	}
	for began, looks := time.Now(), 1; looks%64 != 0 || time.Since(began) < spin; looks++ {
		if poller.Poll() > 0 {
			<-u.wake
			return true
		}
		select {
		case <-u.wake:
			return true
		default:
		}
	}
	return false
}

// close finds nothing in flight: queued has waited for it.
func (u *uringPath) close() error {
	u.queue.Close()
	u.engine.Close()
	return u.mem.close()
}
