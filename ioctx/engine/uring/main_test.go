package uring

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/uring/uringtest"
	"github.com/aiofs/aiofs/ring/testenv"
)

// start makes io_uring alone, where there is one.
func start(t testing.TB) *Raw {
	t.Helper()
	e, err := NewRaw()
	offered(t, err)
	return e
}

// offered ends the test where err says that there is no io_uring.
func offered(t testing.TB, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, engine.ErrUnsupported) {
		t.Fatal(err)
	}
	if err != nil {
		uringtest.Lacks(t, err.Error())
	}
}

// newTestQueue makes a queue that is closed when the test ends.
func newTestQueue(t testing.TB, e *Raw, depth int) *queue {
	t.Helper()
	q, err := newQueue(e, depth, engine.Client{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// call is a request and its owner.
type call struct {
	engine.Request
	done chan int64 // has room for one completion too many
}

func newCall(r engine.Request) *call {
	c := &call{Request: r, done: make(chan int64, 2)}
	c.Owner = c
	return c
}

func (c *call) Complete(res int64) { c.done <- res }

// want waits for the completion.
func (c *call) want(t testing.TB, res int64) {
	t.Helper()
	if got := c.wait(t); got != res {
		t.Fatalf("completed with %d, want %d", got, res)
	}
}

func (c *call) wait(t testing.TB) int64 {
	t.Helper()
	select {
	case got := <-c.done:
		return got
	case <-time.After(testenv.Patience):
		t.Fatal("no completion")
		return 0
	}
}

func batchOf(calls ...*call) []*engine.Request {
	batch := make([]*engine.Request, len(calls))
	for i, c := range calls {
		batch[i] = &c.Request
	}
	return batch
}

// counter is the owner of many requests.
type counter struct {
	left atomic.Int64
	zero chan struct{}
	res  atomic.Int64 // the last result
}

func newCounter() *counter { return &counter{zero: make(chan struct{}, 1)} }

func (c *counter) Complete(res int64) {
	c.res.Store(res)
	if c.left.Add(-1) == 0 {
		c.zero <- struct{}{}
	}
}

// submit submits batch and waits until all of it, and whatever else c owns, has completed.
func (c *counter) submit(q *queue, batch []*engine.Request) {
	c.left.Add(int64(len(batch)))
	q.Submit(batch)
	<-c.zero
}

func mmap(t testing.TB, n int) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	return b
}

func tempFile(t testing.TB, dir string, size int, flags int) int32 {
	t.Helper()
	f, err := os.CreateTemp(dir, "uring")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(f.Name(), flags|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return int32(fd)
}

func pipe(t testing.TB) (r, w int32) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return int32(p[0]), int32(p[1])
}
