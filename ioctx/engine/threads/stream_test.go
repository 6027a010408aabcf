package threads

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

// owner is told of one completion.
type owner struct {
	res  chan int64
	with func()
}

func (o *owner) Complete(res int64) {
	if o.with != nil {
		o.with()
	}
	o.res <- res
}

func newOwner() *owner { return &owner{res: make(chan int64, 1)} }

func testPipe(t *testing.T, size int) (r, w int) {
	t.Helper()
	p := make([]int, 2)
	if err := unix.Pipe2(p, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(p[0])
		unix.Close(p[1])
	})
	if _, err := unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, size); err != nil {
		t.Fatal(err)
	}
	return p[0], p[1]
}

// startPlain submits r as on a kernel whose pipes do not know RWF_NOWAIT, that is before Linux 6.4.
func startPlain(e *Engine, r *engine.Request) (*queue, *owner) {
	q, own := &queue{engine: e}, newOwner()
	r.Owner = own
	o := newOp()
	o.task.Run = func(th *Thread) {
		o.plain = true
		o.run(th)
	}
	r.Private = o
	q.Submit([]*engine.Request{r})
	return q, own
}

func testEngine(t *testing.T) *Engine {
	t.Helper()
	e := New(testPool(t, LocalThreads, HangThreads, StreamThreads))
	t.Cleanup(func() { e.Close() })
	return e
}

func TestPlainStreams(t *testing.T) {
	e := testEngine(t)
	r, w := testPipe(t, 4096)
	const size = 100000
	in, out := make([]byte, size), make([]byte, size)
	for i := range out {
		out[i] = byte(i * 7 >> 3)
	}
	_, written := startPlain(e, &engine.Request{Op: engine.OpWrite, Class: engine.ClassStream, FD: int32(w), Iov: [][]byte{out[:1], nil, out[1:]}})
	for n := 0; n < size; {
		_, got := startPlain(e, &engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: int32(r), Buf: in[n:]})
		res := <-got.res
		if res <= 0 {
			t.Fatalf("read: %d", res)
		}
		n += int(res)
	}
	if res := <-written.res; res != size {
		t.Fatalf("wrote %d", res)
	}
	if string(in) != string(out) {
		t.Error("read is not what was written")
	}
}

// Without RWF_NOWAIT, too, no thread blocks in a pipe: what waits can be canceled.
func TestPlainStreamsWaitElsewhere(t *testing.T) {
	e := testEngine(t)
	r, w := testPipe(t, 4096)
	read := &engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: int32(r), Buf: make([]byte, 10)}
	q, got := startPlain(e, read)
	testenv.Eventually(t, "the read waits", func() bool { return e.poller.waiting() == 1 })
	q.Cancel([]*engine.Request{read})
	if res := <-got.res; res != -int64(unix.ECANCELED) {
		t.Errorf("read: %d, want ECANCELED", res)
	}
	write := &engine.Request{Op: engine.OpWrite, Class: engine.ClassStream, FD: int32(w), Buf: make([]byte, 10000)}
	q, got = startPlain(e, write)
	testenv.Eventually(t, "the pipe is full", func() bool {
		n, _ := unix.IoctlGetInt(r, unix.TIOCINQ)
		return n == 4096
	})
	q.Cancel([]*engine.Request{write})
	if res := <-got.res; res != 4096 {
		t.Errorf("write: %d, want 4096", res)
	}
}

// A file that is ready for ever and never has anything ends up in a blocking call, not in a loop.
func TestReadyInVain(t *testing.T) {
	s, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s[0])
	defer unix.Close(s[1])
	o := newOp()
	o.r = &engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: int32(s[0]), Buf: make([]byte, 1)}
	for i := range maxVain {
		o.ready = true
		if _, err := o.try(); err != unix.EAGAIN {
			t.Fatalf("try %d: %v, want EAGAIN", i, err)
		}
	}
	o.ready = true
	tried := make(chan int)
	go func() {
		n, _ := o.try()
		tried <- n
	}()
	unix.Write(s[1], []byte("x"))
	if n := <-tried; n != 1 || !o.plain {
		t.Errorf("%d bytes, want 1; in a blocking call: %v", n, o.plain)
	}
}
