package bench

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// An async is a path that takes requests and gives their completions later. A request is known by its slot, below the job's depth.
type async interface {
	// submit starts a request at offs[i] for each slots[i], and returns how many it started.
	submit(slots []int, offs []int64) (int, error)
	// reap waits until a request has ended and returns all that have, at most as many as fit.
	reap(done []completion) (int, error)
	// blocks is the memory of the requests, that of a slot at slot times the block size.
	blocks() blocks
	close() error
}

type completion struct {
	slot int
	res  int64 // bytes, or -errno
}

type blocks interface {
	io.ReaderAt
	io.WriterAt
}

// queued is what a single-threaded client of an async does: it hands a batch over, takes all completions that are there, waiting for
// one if there is none, and hands over as many requests again.
type queued struct {
	*setup
	async
	free   []int       // slots with nothing in flight
	offs   []int64     // by slot
	begun  []time.Time // by slot
	batch  []int64     // the offsets of a submit
	done   []completion
	bytes  []byte // scratch of one block
	broken bool   // completions can no longer be had
}

func newQueued(s *setup, a async) *queued {
	q := &queued{
		setup: s, async: a,
		offs: make([]int64, s.Depth), begun: make([]time.Time, s.Depth),
		batch: make([]int64, 0, s.Batch), done: make([]completion, s.Depth), bytes: make([]byte, s.Block),
	}
	for i := range s.Depth {
		q.free = append(q.free, i)
	}
	return q
}

func (q *queued) run(s *slice) error {
	begin := time.Now()
	t := begin
	for first := true; ; first = false {
		for len(q.free) > 0 && (first || t.Before(s.until)) {
			if err := q.start(t); err != nil {
				return err
			}
			t = time.Now()
		}
		if len(q.free) == q.Depth {
			s.took = t.Sub(begin)
			return nil
		}
		n, err := q.reap(q.done)
		if err != nil {
			q.broken = true
			return err
		}
		t = time.Now()
		for _, c := range q.done[:n] {
			err = errors.Join(err, q.finish(c, t, s)) // all of them: close waits for those that did not come
		}
		if err != nil {
			return err
		}
	}
}

// start hands over a batch from the free slots.
func (q *queued) start(t time.Time) error {
	slots := q.free[max(0, len(q.free)-q.Batch):]
	q.batch = q.batch[:0]
	for _, slot := range slots {
		off := q.next()
		if q.verify != nil && q.Write {
			q.verify.compose(q.bytes, off)
			if _, err := q.blocks().WriteAt(q.bytes, int64(slot*q.Block)); err != nil {
				return err
			}
		}
		q.offs[slot], q.begun[slot] = off, t
		q.batch = append(q.batch, off)
	}
	n, err := q.submit(slots, q.batch)
	// Those that were not taken stay free, and those are the last.
	q.free = append(q.free[:len(q.free)-len(slots)], slots[n:]...)
	return err
}

// finish records a completion.
func (q *queued) finish(c completion, t time.Time, s *slice) error {
	if c.slot < 0 || c.slot >= q.Depth {
		return fmt.Errorf("a completion came for slot %d, which there is not", c.slot)
	}
	q.free = append(q.free, c.slot)
	off := q.offs[c.slot]
	if c.res != int64(q.Block) {
		return q.short(off, c.res)
	}
	s.latency.add(t.Sub(q.begun[c.slot]))
	if q.verify == nil || q.Write {
		return nil
	}
	if _, err := q.blocks().ReadAt(q.bytes, int64(c.slot*q.Block)); err != nil {
		return err
	}
	return q.verify.check(q.bytes, off)
}

// close waits for what a failed run left in flight: the kernel may be writing to its memory.
func (q *queued) close() error {
	for len(q.free) < q.Depth && !q.broken {
		n, err := q.reap(q.done)
		q.broken = err != nil
		for _, c := range q.done[:n] {
			q.free = append(q.free, c.slot)
		}
	}
	return q.async.close()
}

// errnoOf is the errno in a completion's res.
func errnoOf(res int64) error { return syscall.Errno(-res) }
