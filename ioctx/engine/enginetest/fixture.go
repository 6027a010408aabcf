package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

// depth is that of every queue: more than any test has in flight.
const depth = 4096

// fixture is one engine with one queue, for one test.
type fixture struct {
	*testing.T
	engine engine.Engine
	queue  engine.Queue

	mu    sync.Mutex
	calls []*Call // guarded by mu
}

// newFixture starts an engine. When the test ends, every call must have completed as often as it was submitted, the engine
// must end, and no goroutine or descriptor may be left.
func newFixture(t *testing.T, start func(t *testing.T) engine.Engine) *fixture {
	testenv.CheckLeaks(t)
	f := &fixture{T: t, engine: start(t)}
	t.Cleanup(func() {
		if stuck := f.engine.Close(); stuck != 0 {
			t.Errorf("Close left %d threads", stuck)
		}
	})
	f.queue = f.newQueue()
	t.Cleanup(f.checkCalls)
	return f
}

// newQueue makes one more queue, closed when the test ends.
func (f *fixture) newQueue() engine.Queue {
	f.Helper()
	q, err := f.engine.NewQueue(depth, engine.Client{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(q.Close)
	return q
}

func (f *fixture) checkCalls() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if s, n := c.submitted.Load(), c.completed.Load(); s != n {
			f.Errorf("%d submits, %d completions of %s", s, n, describe(&c.Request))
		}
	}
}

// call makes a Call that is checked at the end of the test.
func (f *fixture) call(r engine.Request) *Call {
	c := NewCall(f, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	return c
}

// submit submits calls to the fixture's queue, as one batch.
func (f *fixture) submit(calls ...*Call) {
	f.Helper()
	f.submitTo(f.queue, calls...)
}

// submitTo fails the test where Submit waits.
func (f *fixture) submitTo(q engine.Queue, calls ...*Call) {
	f.Helper()
	batch := requests(calls)
	for _, c := range calls {
		c.submitted.Add(1)
	}
	f.promptly("Submit", func() { q.Submit(batch) })
	clear(batch) // it is ours again
}

// cancel cancels calls on the fixture's queue, as one batch.
func (f *fixture) cancel(calls ...*Call) {
	f.Helper()
	batch := requests(calls)
	f.promptly("Cancel", func() { f.queue.Cancel(batch) })
	clear(batch)
}

// promptly fails the test where do does not return.
func (f *fixture) promptly(what string, do func()) {
	f.Helper()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		do()
	}()
	late := time.NewTimer(testenv.Patience)
	defer late.Stop()
	select {
	case <-returned:
	case <-late.C:
		f.Fatalf("%s does not return", what)
	}
}

// do submits one request and returns its result.
func (f *fixture) do(r engine.Request) int64 {
	f.Helper()
	c := f.call(r)
	f.submit(c)
	return c.Wait()
}

// want fails the test unless do(r) is res.
func (f *fixture) want(res int64, r engine.Request) {
	f.Helper()
	if got := f.do(r); got != res {
		f.Fatalf("%s: %s, want %s", describe(&r), result(got), result(res))
	}
}

// eventually waits until cond holds.
func (f *fixture) eventually(what string, cond func() bool) {
	f.Helper()
	testenv.Eventually(f, what, cond)
}

// memory is n bytes that do not lie on the Go heap, page-aligned.
func (f *fixture) memory(n int) []byte {
	f.Helper()
	m, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { unix.Munmap(m) })
	return m
}

// file makes a file of n bytes, byte i being pattern(i), and opens it.
func (f *fixture) file(n, flags int) int32 {
	f.Helper()
	name := filepath.Join(f.TempDir(), "file")
	data := make([]byte, n)
	for i := range data {
		data[i] = pattern(i)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		f.Fatal(err)
	}
	return f.open(name, flags)
}

func (f *fixture) open(name string, flags int) int32 {
	f.Helper()
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		f.Fatalf("open %s: %v", name, err)
	}
	f.Cleanup(func() { unix.Close(fd) })
	return int32(fd)
}

// pipe makes a pipe of so many bytes, 0: the usual size.
func (f *fixture) pipe(size int) (r, w *end) {
	f.Helper()
	p := make([]int, 2)
	if err := unix.Pipe2(p, unix.O_CLOEXEC); err != nil {
		f.Fatal(err)
	}
	if size > 0 {
		if _, err := unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, size); err != nil {
			f.Fatal(err)
		}
	}
	return f.end(p[0]), f.end(p[1])
}

// end is a descriptor that a test may close early.
type end struct {
	fd   int32
	once sync.Once
}

func (f *fixture) end(fd int) *end {
	e := &end{fd: int32(fd)}
	f.Cleanup(e.close)
	return e
}

func (e *end) close() { e.once.Do(func() { unix.Close(int(e.fd)) }) }

func (f *fixture) write(e *end, data string) {
	f.Helper()
	if n, err := unix.Write(int(e.fd), []byte(data)); err != nil || n != len(data) {
		f.Fatalf("write: %d, %v", n, err)
	}
}

func pattern(i int) byte { return byte(i*7 + i>>8) }

func requests(calls []*Call) []*engine.Request {
	batch := make([]*engine.Request, len(calls))
	for i, c := range calls {
		batch[i] = &c.Request
	}
	return batch
}

// errno is how a completion says e.
func errno(e unix.Errno) int64 { return -int64(e) }

func result(res int64) string {
	if res < 0 {
		return unix.ErrnoName(unix.Errno(-res))
	}
	return fmt.Sprint(res)
}

func describe(r *engine.Request) string {
	ops := [...]string{"nop", "read", "write", "fsync", "fdsync", "poll"}
	return fmt.Sprintf("%s fd=%d off=%d len=%d rwf=%#x events=%#x class=%d",
		ops[min(int(r.Op), len(ops)-1)], r.FD, r.Off, len(r.Buf), r.RWF, r.Events, r.Class)
}
