package ioctx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/engine/uring"
	"github.com/aiofs/aiofs/ioctx/engine/uring/uringtest"
	"github.com/aiofs/aiofs/ring/testenv"
)

// self is this process as a writer.
var self = Caller{TID: int32(os.Getpid())}

// eachEngine runs every test of I/O over both engines. Where the kernel denies io_uring, that half says so.
func eachEngine(t *testing.T, f func(t *testing.T, e *env)) { eachEngineWith(t, Config{}, f) }

func eachEngineWith(t *testing.T, cfg Config, f func(t *testing.T, e *env)) {
	t.Run("threads", func(t *testing.T) {
		pool := threads.NewPool()
		f(t, newEnv(t, pool, threads.New(pool), cfg))
	})
	t.Run("uring", func(t *testing.T) {
		pool := threads.NewPool()
		e, err := uring.New(pool)
		if err != nil {
			pool.Close()
			uringtest.Lacks(t, err.Error())
		}
		f(t, newEnv(t, pool, e, cfg))
	})
}

// env is a table, over one engine, for one test.
type env struct {
	*testing.T
	*Table
}

// newEnv makes a table. When the test ends everything in it must end, and nothing be left.
func newEnv(t *testing.T, pool *threads.Pool, e engine.Engine, cfg Config) *env {
	testenv.CheckLeaks(t)
	return &env{T: t, Table: newTable(t, pool, e, cfg)}
}

// newTable is newEnv's table, where that several of them are there at once.
func newTable(t testing.TB, pool *threads.Pool, e engine.Engine, cfg Config) *Table {
	cfg.Engine, cfg.Pool = e, pool
	cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	tab := NewTable(cfg)
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), testenv.Patience)
		defer stop()
		if left := tab.ExitAll(ctx); len(left) > 0 {
			t.Errorf("left in flight: %q", left)
		}
		if n := tab.AioNr(); n != 0 {
			t.Errorf("aio-nr is %d at the end", n)
		}
		if n := tab.memory.used.Load(); n != 0 {
			t.Errorf("%d bytes of max_buf are charged at the end", n)
		}
		if stuck := e.Close(); stuck != 0 {
			t.Errorf("%d threads of the engine are stuck", stuck)
		}
		if stuck := pool.Close(); stuck != 0 {
			t.Errorf("%d threads of the pool are stuck", stuck)
		}
	})
	return tab
}

// threadsEnv is newEnv for what does not depend on the engine.
func threadsEnv(t *testing.T, cfg Config) *env {
	pool := threads.NewPool()
	return newEnv(t, pool, threads.New(pool), cfg)
}

func (e *env) setup(id uint32) *Kioctx {
	e.Helper()
	c, err := e.Setup(id, Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())})
	if err != nil {
		e.Fatal(err)
	}
	return c
}

// submitter opens submit, to be closed when the test ends if it is not before.
func (e *env) submitter(c *Kioctx, nonblock bool) *Submitter {
	e.Helper()
	s, err := c.OpenSubmit(nonblock)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

func (e *env) reader(c *Kioctx, raw, nonblock bool) *Reader {
	e.Helper()
	r, err := c.OpenEvents(raw, nonblock)
	if err != nil {
		e.Fatal(err)
	}
	return r
}

// submit writes text with a descriptor of its own, as echo does.
func (e *env) submit(c *Kioctx, text string) {
	e.Helper()
	s := e.submitter(c, false)
	defer s.Close()
	if n, err := s.Write([]byte(text), self, nil); n != len(text) || err != nil {
		e.Fatalf("wrote %d of %q: %v; %s", n, text, err, c.ErrorLog())
	}
}

// cat reads events to their end, as cat does.
func (e *env) cat(c *Kioctx) string {
	e.Helper()
	r := e.reader(c, false, false)
	defer r.Close()
	var all strings.Builder
	buf := make([]byte, 128<<10)
	deadline := newDeadline(testenv.Patience)
	for {
		n, err := r.Read(buf, false, deadline)
		if err != nil {
			e.Fatalf("events: %v after %q", err, all.String())
		}
		if n == 0 {
			return all.String()
		}
		all.Write(buf[:n])
	}
}

// openSlot opens path into a slot of c.
func (e *env) openSlot(c *Kioctx, slot int, flags, path string) {
	e.Helper()
	f, err := c.OpenFiles()
	if err != nil {
		e.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(fmt.Appendf(nil, "open %d open=%s %s\n", slot, flags, path), self, nil); err != nil {
		e.Fatalf("open %s: %v; %s", path, err, c.ErrorLog())
	}
}

// deadline is an Interrupt that comes by itself, so that what would hang fails.
type deadline struct{ ctx context.Context }

func newDeadline(d time.Duration) deadline {
	ctx, stop := context.WithTimeout(context.Background(), d)
	context.AfterFunc(ctx, stop)
	return deadline{ctx}
}

func (d deadline) Done() <-chan struct{} { return d.ctx.Done() }
func (d deadline) Pending() bool         { return d.ctx.Err() != nil }

// wantErrno fails the test unless err is errno.
func wantErrno(t *testing.T, what string, err error, errno syscall.Errno) {
	t.Helper()
	if !errors.Is(err, errno) {
		t.Errorf("%s: %v, want %v", what, err, errno)
	}
}
