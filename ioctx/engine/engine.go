// Package engine is what starts and cancels real I/O: an interface, with engine/uring and engine/threads behind it.
//
// An engine knows nothing of contexts, rings or FUSE. It is handed requests whose file is open and whose memory is pinned
// for as long as the request lives, and reports each of them exactly once.
package engine

import (
	"errors"

	"github.com/aiofs/aiofs/ioctx/engine/cred"
)

// ErrUnsupported means that the kernel, or a filter it applies to this process, does not offer what an engine needs.
// It is wrapped with the reason in words.
var ErrUnsupported = errors.New("engine not supported here")

// Op is what a Request does. PREAD and PREADV are both OpRead: how many segments there are is told by Buf and Iov.
type Op uint8

// What an engine can do.
const (
	OpNop    Op = iota // completes with 0
	OpRead             // preadv2(2), or readv(2) where Stream
	OpWrite            // pwritev2(2), or writev(2) where Stream
	OpFsync            // fsync(2)
	OpFdsync           // fdatasync(2)
	OpPoll             // one-shot poll(2) for Events; completes with the revents
)

// Class says how a request may block, which decides how an engine starts it and what it counts against.
type Class uint8

const (
	// ClassLocal is a file on a local disk or in memory: the device answers in bounded time.
	ClassLocal Class = iota
	// ClassHang is a file on FUSE, on a network file system or on one not known to be local: it may never answer, and it may
	// block although it was told not to.
	ClassHang
	// ClassStream is a pipe, a socket, a terminal, an eventfd: it has no position and waits for its other end.
	ClassStream
)

// Request is one I/O. Its maker fills the first part and leaves all of it alone from Submit until Complete was called on
// Owner; then it may be used again, with whatever the engine keeps in Private.
type Request struct {
	Op     Op
	Class  Class
	Ioprio uint16 // IOPRIO_PRIO_VALUE(class, level); 0: the submitting thread's
	FD     int32  // open, and kept open by the maker until completion; unused by OpNop
	Fixed  uint32 // what Registrar.Register returned for FD; 0: nothing
	RWF    uint32 // RWF_* of preadv2(2)
	Events uint32 // OpPoll: POLL* bits; POLLERR and POLLHUP are implied
	Off    int64  // bytes; ignored where Class is ClassStream
	// Buf is the only segment, unless Iov is set. Memory that is read into lies outside the Go heap.
	Buf []byte
	// Iov are the segments of a vectored request, at most 1024 (UIO_MAXIOV).
	Iov [][]byte

	// Owner is told of the completion.
	Owner Owner
	// Private belongs to the engine.
	Private any
}

// Owner is whom a Request belongs to.
type Owner interface {
	// Complete is called exactly once for each Submit: res is the number of bytes, the revents of a poll, or -errno.
	// It may come before Submit returns, and on any goroutine; no lock of the engine is held. It does not block.
	// Restart codes of the kernel arrive as -EINTR.
	Complete(res int64)
}

// BatchOwner is an Owner that takes many completions at once more cheaply than one by one.
type BatchOwner interface {
	Owner
	// CompleteBatch is Complete of each owner in batch, called on one of them. They are all of one queue, and all of one type. The
	// slice is the callee's until it returns; then the engine uses it again.
	CompleteBatch(batch []Done)
}

// Done is what an Owner's Complete would be told.
type Done struct {
	Owner Owner
	Res   int64
}

// Queue starts the requests of one context. Its methods may be called by any number of goroutines at once.
type Queue interface {
	// Submit starts every request of batch, without waiting for any of them. What cannot be started completes with
	// its errno. The slice is the caller's again once Submit returns, its order perhaps another.
	Submit(batch []*Request)
	// Cancel asks requests, each handed to a Submit that has returned, to end early. Each still completes exactly once: with
	// -ECANCELED, or with its own result where it got there first. A request that has already completed is passed over,
	// so long as its memory was not given to a new one: the caller sees to that. What a device holds may be beyond cancelling.
	// The slice is as after Submit.
	Cancel(batch []*Request)
	// Close gives everything back. The caller has seen every completion and calls nothing after it.
	Close()
}

// Poller is a Queue that can be asked for completions, by who is awake anyway.
type Poller interface {
	// Poll reports to their owners the completions that are there, without a system call where there are none, and returns how
	// many it was.
	Poll() int
	// Polled(true) promises that Poll is called until Polled(false): meanwhile no completion need be announced otherwise.
	Polled(on bool)
}

// Registrar is a Queue that may know a file before requests name it, which saves looking for it with each of them.
type Registrar interface {
	// Register returns a number by which requests reach the file of fd until Unregister; 0 where there is no room for another.
	Register(fd int32) (fixed uint32)
	// Unregister forgets a file. No request with its number is in flight, nor will be.
	Unregister(fixed uint32)
}

// Client is whose requests a Queue starts. The zero Client is the daemon.
type Client struct {
	// Cred are the credentials that files are read and written with; nil: the daemon's own.
	Cred *cred.Cred
	// Share is what the requests count against where their number is limited, any comparable value: queues with the same one
	// share a part of the engine. nil: the queue is alone with its part.
	Share any
}

// Engine makes queues. Its methods may be called by any number of goroutines at once.
type Engine interface {
	// Name is what engine= calls it: "uring" or "threads".
	Name() string
	// NewQueue makes the queue of a context that has at most depth requests in flight. ENOMEM, EMFILE and the like are wrapped;
	// EPERM where the daemon may not take the client's credentials.
	NewQueue(depth int, c Client) (Queue, error)
	// Close ends the engine, all of whose queues have been closed, and waits for its threads. Threads that hang in
	// the kernel are left behind after a second; their number is returned.
	Close() (stuck int)
}
