package fsnode

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ring/testenv"
	"golang.org/x/sys/unix"
)

// testMount is a mount that is served by the test's own process.
type testMount struct {
	dir    string
	table  *ioctx.Table
	server *Server
}

// newMount mounts in a temporary directory until the end of the test. Without FUSE the test is skipped, but not in CI.
func newMount(t *testing.T) *testMount {
	t.Helper()
	pool := threads.NewPool()
	engine := threads.New(pool)
	m := &testMount{dir: t.TempDir()}
	m.table = ioctx.NewTable(ioctx.Config{Engine: engine, Pool: pool, NrEvents: 8, MaxBuf: 64 << 20, Log: testLog(t)})
	t.Cleanup(func() {
		if stuck := engine.Close() + pool.Close(); stuck > 0 {
			t.Errorf("%d threads hang", stuck)
		}
	})
	var err error
	m.server, err = Mount(m.dir, m.table, Options{FsName: testFsName, Log: testLog(t)})
	if err != nil {
		skipWithoutFuse(t, err)
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(2*testenv.Patience, m.abort) // a test that hangs in the mount by itself gets an error instead
	t.Cleanup(func() {
		watchdog.Stop()
		m.end(t)
	})
	return m
}

func skipWithoutFuse(t *testing.T, err error) {
	t.Helper()
	var lacks *SetupError
	if errors.As(err, &lacks) && os.Getenv("CI") != "true" {
		t.Skip("no FUSE mount here: ", err)
	}
}

// end kills all contexts and unmounts.
func (m *testMount) end(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), testenv.Patience)
	defer cancel()
	for _, line := range m.table.ExitAll(ctx) {
		t.Error("left in flight: ", line)
	}
	if err := m.server.Unmount(); err != nil {
		t.Error(err)
		m.abort()
	}
	select {
	case <-m.server.Done():
	case <-ctx.Done():
		t.Error("the server does not end")
		m.abort()
	}
}

// abort frees whoever hangs in the mount, and removes it.
func (m *testMount) abort() {
	if isRoot() {
		unix.Unmount(m.dir, unix.MNT_FORCE|unix.MNT_DETACH)
		return
	}
	fusermount("-u", "-z", "--", m.dir)
}

func (m *testMount) path(name ...string) string {
	return filepath.Join(append([]string{m.dir}, name...)...)
}

// context makes ctx/1 with room for nr events.
func (m *testMount) context(t *testing.T, nr string) string {
	t.Helper()
	dir := m.path("ctx", "1")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/nr_events", nr+"\n")
	return dir
}

// testLog fails the test where a handler panics.
func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(logWriter{t}, nil))
}

type logWriter struct{ t *testing.T }

func (w logWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "panic") {
		w.t.Errorf("log: %s", p)
	}
	return len(p), nil
}

// write opens name as `echo >` does and writes text once.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := tryWrite(name, text); err != nil {
		t.Fatal(err)
	}
}

// tryWrite makes plain system calls: on EAGAIN an os.File would wait for the file to become writable, which epoll never says.
func tryWrite(name, text string) error {
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(text))
	return err
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantErrno fails where err is not want; 0: no error.
func wantErrno(t *testing.T, what string, err error, want syscall.Errno) {
	t.Helper()
	if want == 0 && err == nil || want != 0 && errors.Is(err, want) {
		return
	}
	t.Errorf("%s: %v, want %v", what, err, want)
}
