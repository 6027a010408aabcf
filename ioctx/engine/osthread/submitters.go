// Package osthread knows which of the process's threads have entered an io_uring, and finds others for what may block.
//
// The kernel runs completions as task work on the thread that submitted. If such a thread blocks in a file that hangs, the
// completions of all that it ever submitted are held back; if it ends, they are cancelled. Locking a thread does not make a new
// one: it may well be one of these.
package osthread

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// pidMax is PID_MAX_LIMIT of <linux/threads.h>: thread ids are below it.
const pidMax = 1 << 22

// submitters has a bit for each thread of this process that has entered a ring. None is ever cleared: such threads do not end.
var submitters [pidMax / 64]atomic.Uint64

// MarkSubmitter notes that the calling thread, which is locked, enters a ring.
func MarkSubmitter() {
	if tid := unix.Gettid(); !isSubmitter(tid) {
		submitters[tid/64].Or(1 << (tid % 64))
	}
}

func isSubmitter(tid int) bool { return submitters[tid/64].Load()&(1<<(tid%64)) != 0 }
