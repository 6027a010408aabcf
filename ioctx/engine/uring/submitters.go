package uring

import "sync/atomic"

// pidMax is PID_MAX_LIMIT of <linux/threads.h>: thread ids are below it.
const pidMax = 1 << 22

// submitters has a bit for each thread of this process that has entered a ring. None is ever cleared: such threads do not end.
var submitters [pidMax / 64]atomic.Uint64

// OnSubmitter reports whether the calling thread has ever entered a ring. Only one that has locked its thread
// (runtime.LockOSThread) can rely on the answer.
//
// Locking a thread does not make a new one: it may well be one whose requests are in flight. If such a thread blocks in a file that
// hangs, their completions are held back; if it ends, they are cancelled. Who is told true keeps it locked until
// another goroutine, started meanwhile and so on another thread, has been told false.
func OnSubmitter() bool { return isSubmitter(gettid()) }

func isSubmitter(tid int) bool { return submitters[tid/64].Load()&(1<<(tid%64)) != 0 }

func markSubmitter(tid int) {
	if !isSubmitter(tid) {
		submitters[tid/64].Or(1 << (tid % 64))
	}
}
