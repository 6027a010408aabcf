// Package uring is the engine over io_uring: asynchronous for buffered files, pipes and sockets too, and with a cancel that works.
//
// Every queue is one io_uring. A Submit fills its submission queue and makes one io_uring_enter of it in the caller's
// goroutine, then moves what has completed by then to its owners. Later completions signal an eventfd, on which one goroutine
// a queue waits in Go's poller.
//
// # Threads
//
// The kernel runs completions as task work on the thread that submitted, and io-wq's workers belong to it: a thread that
// blocks where signals do not reach it holds back everything that it has submitted. So a thread that has requests with the kernel
// must not touch a user's file otherwise, and must not end. Go's threads end only with a goroutine that has locked them; who needs
// one to open or stat files on it has it from package osthread, which is told of each request.
//
// # Whose rights
//
// The requests of a client with credentials of its own carry a personality of their ring, which has them.
//
// # Files that may hang
//
// Nothing of [engine.ClassHang] but no-ops enters a ring: [Engine] gives it to the threads engine. Such a file blocks its caller
// whatever flags it is given, inside io_uring_enter too, and holds a worker for as long as it does not answer, of which each thread
// has few. And io_uring goes on by itself where a read or write of a regular file moves fewer bytes than it was asked to, at the
// position that the file system has left in the request. FUSE leaves it where it was for files that it serves with
// FOPEN_DIRECT_IO (fuse_direct_IO in fs/fuse/file.c): a short read would bring its first bytes once more and be called complete, a
// short write put its last bytes over its first. Which files those are nobody tells. A system call comes back with what it moved.
//
// # Locks
//
// In this order: queue.sq, queue.mu; and queue.filesMu by itself. None of them is held over Owner.Complete, nor over a system call that can block.
package uring

import "github.com/aiofs/aiofs/ioctx/engine"

// Raw is io_uring alone, one a queue, to measure by. A request of engine.ClassHang is to it one of engine.ClassLocal.
type Raw struct {
	// quiet: the process is registered for membarrier(2), without which completions made during a submit cannot be kept
	// from signalling the eventfd. See quiet.go.
	quiet bool
}

var _ engine.Engine = (*Raw)(nil)

// NewRaw makes it, or returns an error that wraps engine.ErrUnsupported and says in words what is missing.
func NewRaw() (*Raw, error) {
	if err := Probe(); err != nil {
		return nil, err
	}
	return &Raw{quiet: registerMembarrier()}, nil
}

// Name is "uring".
func (*Raw) Name() string { return "uring" }

// NewQueue makes the io_uring of a context with at most depth requests in flight. It fails with a wrapped ENOMEM, EMFILE
// or ENFILE where the kernel's memory or descriptors run out, and with EPERM where the daemon may not take the client's credentials.
// RLIMIT_MEMLOCK does not count: since Linux 5.12 only registered buffers do, of which there are none.
func (e *Raw) NewQueue(depth int, c engine.Client) (engine.Queue, error) {
	q, err := newQueue(e, depth, c)
	if err != nil {
		return nil, err
	}
	return q, nil
}

// Close has nothing to end, since the workers belong to the kernel: none is ever stuck on the engine's behalf.
func (*Raw) Close() (stuck int) { return 0 }
