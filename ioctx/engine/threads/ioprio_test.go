package threads

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// The I/O priority is the request's while it runs, and the thread's own afterwards.
func TestIoprioIsRestored(t *testing.T) {
	p := testPool(t, 2, 2, 2)
	get := func() uintptr {
		prio, _, _ := unix.Syscall(unix.SYS_IOPRIO_GET, ioprioWhoProcess, 0, 0)
		return prio
	}
	const idle = 3 << 13
	var before, during, after uintptr
	own := newOwner()
	own.with = func() { during = get() }
	e := New(p)
	o := newOp()
	o.prepare(&queue{engine: e}, &engine.Request{Op: engine.OpFsync, FD: -1, Ioprio: idle, Owner: own})
	runs(t, p, engine.ClassLocal, "s", func(th *Thread) {
		before = get()
		o.run(th)
		after = get()
	})
	if during != idle || after != before {
		t.Errorf("%#x before, %#x during, %#x after", before, during, after)
	}
}
