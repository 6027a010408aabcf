package uring

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// A cancel that found the request with a worker may not have ended it, and is repeated.
func TestCancelRepeated(t *testing.T) {
	q := newTestQueue(t, start(t), 64)
	r, _ := pipe(t)
	lost := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	q.Submit(batchOf(lost))
	q.mu.Lock()
	lost.Private.(*slot).canceled = true
	q.canceled(-int32(unix.EALREADY))
	q.mu.Unlock()
	lost.want(t, -int64(unix.ECANCELED))
}
