// Package osthread knows which of the process's threads have requests with an io_uring, and finds others for what may block.
//
// The kernel runs completions as task work on the thread that submitted. If such a thread blocks in a file that hangs, the
// completions of all that it submitted are held back; if it ends, those requests are cancelled. Locking a thread does not make a new
// one: it may well be one of these.
package osthread

import "sync/atomic"

// pidMax is PID_MAX_LIMIT of <linux/threads.h>: thread ids are below it.
const pidMax = 1 << 22

// inFlight counts, for each thread of this process, the requests that it gave to the kernel and that have not completed. Threads come to
// be as many as have ever been busy at once, and nearly all have given some: so one of whose requests none is left is as good as new.
// (Of the array's 16 MiB the pages are there that thread ids fall into.)
var inFlight [pidMax]atomic.Int32

// Submits notes that a thread gives n requests to the kernel. It is the calling one, which is locked until it has entered the ring.
func Submits(tid, n int) { inFlight[tid].Add(int32(n)) }

// Completed notes that a request has completed that a thread gave to the kernel.
func Completed(tid int) {
	if inFlight[tid].Add(-1) < 0 {
		panic("osthread: a thread has fewer than no requests in flight")
	}
}

func submits(tid int) bool { return inFlight[tid].Load() > 0 }
