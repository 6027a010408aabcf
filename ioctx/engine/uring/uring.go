// Package uring is the engine over io_uring: asynchronous for buffered files, pipes and sockets too, and with a cancel that works.
//
// Every queue is one io_uring. A Submit fills its submission queue and makes one io_uring_enter of it in the caller's
// goroutine, then moves what has completed by then to its owners. Later completions signal an eventfd, on which one goroutine
// a queue waits in Go's poller.
//
// # Threads
//
// The kernel runs completions as task work on the thread that submitted, and io-wq's workers belong to it: a thread that
// blocks where signals do not reach it holds back everything that it ever submitted. So a thread that has entered a ring
// must not touch a user's file otherwise, and must not end. Go's threads end only with a goroutine that has locked them; who needs
// one to open or stat files on it has it from package osthread.
//
// # Whose rights
//
// The requests of a client with credentials of its own carry a personality of their ring, which has them.
//
// # Files that may hang
//
// A file of [engine.ClassHang] blocks its caller whatever flags it is given. Its requests always go to a worker
// (IOSQE_ASYNC), and no more of them are with the kernel than the workers leave room for: see hang.go. The others wait in
// a backlog, from which Cancel takes them at once.
//
// # Locks
//
// In this order: queue.sq, queue.mu, budget.mu. None of them is held over Owner.Complete, nor over a system call that can block.
package uring

import (
	"fmt"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// Engine makes one io_uring a queue.
type Engine struct {
	hang hangBudget
	// quiet: the process is registered for membarrier(2), without which completions made during a submit cannot be kept
	// from signalling the eventfd. See quiet.go.
	quiet bool
}

// New makes an engine, or returns an error that wraps engine.ErrUnsupported and says in words what is missing.
func New() (*Engine, error) { return newEngine(hangTotal, hangShare) }

// newEngine makes an engine that has at most total ClassHang requests with the kernel, share of them for one share.
func newEngine(total, share int) (*Engine, error) {
	workers, err := probe()
	if err != nil {
		return nil, err
	}
	total = max(1, min(total, workers-spareWorkers))
	e := &Engine{quiet: registerMembarrier()}
	e.hang.free, e.hang.most, e.hang.parts = total, min(share, total), make(map[any]*hangPart)
	return e, nil
}

// Name is "uring".
func (*Engine) Name() string { return "uring" }

// NewQueue makes the io_uring of a context with at most depth requests in flight. It fails with a wrapped ENOMEM, EMFILE
// or ENFILE where the kernel's memory, the locked memory of the user (RLIMIT_MEMLOCK before Linux 5.12) or descriptors run out, and
// with EPERM where the daemon may not take the client's credentials.
func (e *Engine) NewQueue(depth int, c engine.Client) (engine.Queue, error) {
	q, err := newQueue(e, depth, c)
	if err != nil {
		return nil, fmt.Errorf("making an io_uring for %d requests: %w", depth, err)
	}
	return q, nil
}

// Close has nothing to end, since the workers belong to the kernel: none is ever stuck on the engine's behalf.
func (*Engine) Close() (stuck int) { return 0 }
