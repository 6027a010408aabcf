// Package ioctx is the kioctx of Linux fs/aio.c after the change "aio: refcounting cleanup" (Kent Overstreet, 2013), in user
// space: the table of contexts, setup, submit, complete, getevents, cancel, kill and free. It knows nothing of FUSE.
//
// # Lifetime
//
// A context is found under RCU and then held by its count of users. A kill sets dead once, unlinks the context, waits for a
// grace period, wakes everyone and drops the initial reference; at zero users the context is freed: what is active is
// cancelled, what is in flight is waited for, and only then are memory, files and the aio-nr reservation given back. The
// garbage collector plays no part: rings and buffers are mapped and files are numbers, so a late touch would be a SIGSEGV,
// or I/O on somebody else's file.
//
// # Requests
//
// A request is in Kioctx.active from before the engine sees it until its completion. It has two references, the
// submitter's and the completion's. Its completer is decided by one compare-and-swap.
//
// # Lock order
//
//	Kioctx.setupMu > Table.mu > Kioctx.ctxLock > Kioctx.completionLock
//	Reader.mu > Kioctx.ringLock > Kioctx.completionLock
//	Kioctx.filesMu, Kioctx.outMu, Kioctx.eofMu, waitQueue.mu, errorLog.mu, copier.mu, errand.mu: innermost
//
// No lock is held over a system call that can block, over a call into an engine, or over a client; but for setupMu, which a context's first
// submit holds while the engine makes its queue, and which is therefore taken before the table's lock and never under it. Submitter.sem and
// FilesWriter.sem are no locks in this sense: they are waited for like a slot is, and a signal ends the wait.
package ioctx

import "syscall"

// Interrupt tells a waiting call when to give up.
type Interrupt interface {
	// Done is closed once when a signal may have come; nil: never.
	Done() <-chan struct{}
	// Pending says whether a signal is pending which ends the call. It is asked when Done closes, and every 50 ms from then on.
	Pending() bool
}

// errDead is what every call on a killed context gets.
const errDead = syscall.EINVAL
