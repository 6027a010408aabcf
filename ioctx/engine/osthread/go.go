package osthread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Go calls f on a locked thread of its own, which ends when f returns, and so whatever f changed of it. It is no thread that has requests
// with a ring, nor may f block or end while it has any of its own; nor is it the process's first one, which is what /proc/PID shows.
func Go(f func()) { go place(f, nil) }

// place runs f on this thread, or has it run on another and closes placed when it is there. As long as this one is locked,
// another goroutine is on another thread.
func place(f func(), placed chan<- struct{}) {
	runtime.LockOSThread()
	tid := unix.Gettid()
	fit := tid != unix.Getpid() && !submits(tid)
	if !fit {
		elsewhere := make(chan struct{})
		go place(f, elsewhere)
		<-elsewhere
	}
	if placed != nil {
		close(placed)
	}
	if fit {
		f()
		return
	}
	runtime.UnlockOSThread()
}
