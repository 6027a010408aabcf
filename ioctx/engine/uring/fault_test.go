package uring

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

// nops submits n no-ops in one batch, expects them all to end with want, and then with 0 where enter has no faults any more.
func nops(t *testing.T, q *queue, n int, want int64) {
	t.Helper()
	for _, want := range []int64{want, 0} {
		calls := make([]*call, n)
		for i := range calls {
			calls[i] = newCall(engine.Request{Op: engine.OpNop})
		}
		q.Submit(batchOf(calls...))
		for _, c := range calls {
			c.want(t, want)
		}
		setEnter(q, enter)
	}
}

func setEnter(q *queue, f func(fd int, submit, flags uint32) unix.Errno) {
	q.sq.Lock()
	defer q.sq.Unlock()
	q.enter = f
}

// failing is an io_uring_enter that fails n times.
func failing(n int, errno unix.Errno) func(int, uint32, uint32) unix.Errno {
	return func(fd int, submit, flags uint32) unix.Errno {
		if n > 0 {
			n--
			return errno
		}
		return enter(fd, submit, flags)
	}
}

func TestEnterTransientErrors(t *testing.T) {
	for errno, n := range map[unix.Errno]int{unix.EINTR: 1000, unix.EAGAIN: 10, unix.EBUSY: 10} {
		q := newTestQueue(t, start(t), 64)
		setEnter(q, failing(n, errno))
		nops(t, q, 64, 0)
	}
}

func TestEnterPermanentErrors(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EAGAIN, unix.EBUSY, unix.EPERM, unix.ENOMEM} {
		q := newTestQueue(t, start(t), 64)
		setEnter(q, failing(1<<30, errno))
		nops(t, q, 64, -int64(errno))
	}
}

// What the kernel took before it failed is its own, what it did not take gets the errno.
func TestEnterFailsMidway(t *testing.T) {
	q := newTestQueue(t, start(t), 64)
	r, w := pipe(t)
	taken := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	refused := newCall(engine.Request{Op: engine.OpNop})
	first := true
	setEnter(q, func(fd int, submit, flags uint32) unix.Errno {
		if first {
			first = false
			return enter(fd, 1, flags)
		}
		return unix.ENOMEM
	})
	q.Submit(batchOf(taken, refused))
	refused.want(t, -int64(unix.ENOMEM))
	if len(taken.done) > 0 {
		t.Fatal("the read of an empty pipe is over")
	}
	unix.Write(int(w), []byte("x"))
	taken.want(t, 1)
}

// Entries that one enter leaves are taken by the next.
func TestEnterTakesPart(t *testing.T) {
	q := newTestQueue(t, start(t), 64)
	setEnter(q, func(fd int, submit, flags uint32) unix.Errno { return enter(fd, min(submit, 3), flags) })
	nops(t, q, 64, 0)
}

func TestBatchLargerThanSubmissionQueue(t *testing.T) {
	q := newTestQueue(t, start(t), 4*sqMax)
	if len(q.ring.sqes) != sqMax {
		t.Fatalf("%d entries", len(q.ring.sqes))
	}
	nops(t, q, 3*sqMax+1, 0)
}

// A completion queue smaller than what is in flight: the kernel keeps the rest back, and gives all of it.
func TestCompletionQueueOverflow(t *testing.T) {
	q := newTestQueue(t, start(t), 1)
	overflowed := false
	setEnter(q, func(fd int, submit, flags uint32) unix.Errno {
		defer func() { overflowed = overflowed || q.ring.overflowed() }()
		return enter(fd, submit, flags)
	})
	nops(t, q, 100, 0)
	if !overflowed {
		t.Fatal("no overflow")
	}

	r, w := pipe(t)
	var polls []*call
	for range 100 {
		polls = append(polls, newCall(engine.Request{Op: engine.OpPoll, Class: engine.ClassStream, FD: r, Events: unix.POLLIN}))
	}
	q.Submit(batchOf(polls...))
	unix.Write(int(w), []byte("x"))
	for _, c := range polls {
		c.want(t, unix.POLLIN)
	}
}

// A cancel that the kernel did not take is made again.
func TestCancelRefused(t *testing.T) {
	q := newTestQueue(t, start(t), 4)
	r, _ := pipe(t)
	c := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 1)})
	q.Submit(batchOf(c))
	setEnter(q, failing(1, unix.ENOMEM))
	q.Cancel(batchOf(c))
	c.want(t, -int64(unix.ECANCELED))
}

func TestNoDescriptors(t *testing.T) {
	e := start(t)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	testenv.CheckLeaks(t)
	failed := 0
	for n := uint64(3); ; n++ { // from no descriptor to spare up to enough of them
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: was.Max}); err != nil {
			t.Fatal(err)
		}
		q, err := e.NewQueue(1, engine.Client{})
		if err == nil {
			q.Close()
			break
		}
		if failed++; !errors.Is(err, unix.EMFILE) {
			t.Fatalf("with %d descriptors: %v, want EMFILE", n, err)
		}
	}
	if failed < 2 { // for the ring, and for its eventfd
		t.Fatalf("failed %d times", failed)
	}
}
