package integration

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/aiofs/aiofs/ring/testenv"
)

func (d *daemon) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// path is that of a file of the mount.
func (d *daemon) path(names ...string) string {
	return filepath.Join(append([]string{d.dir}, names...)...)
}

// mkdir makes a context and returns its directory, relative to the mount.
func (d *daemon) mkdir(n string) string {
	d.t.Helper()
	d.check(os.Mkdir(d.path("ctx", n), 0o700))
	return filepath.Join("ctx", n)
}

// get reads a file of the mount to its end.
func (d *daemon) get(names ...string) string {
	d.t.Helper()
	b, err := os.ReadFile(d.path(names...))
	d.check(err)
	return string(b)
}

// put writes a file of the mount with one write.
func (d *daemon) put(text string, names ...string) {
	d.t.Helper()
	f, err := os.OpenFile(d.path(names...), os.O_WRONLY, 0)
	d.check(err)
	_, err = f.WriteString(text)
	d.check(errors.Join(err, f.Close()))
}

// stat is a value in stat.
func (d *daemon) stat(c, key string) int {
	d.t.Helper()
	for line := range strings.Lines(d.get(c, "stat")) {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			d.check(err)
			return n
		}
	}
	d.t.Fatalf("no %s in stat", key)
	return 0
}

// idle waits until the last context is gone: the kernel reports a close some time after it.
func (d *daemon) idle() {
	d.t.Helper()
	testenv.Eventually(d.t, "aio-nr being 0", func() bool { return d.get("aio-nr") == "0\n" })
}

// fifo is an empty pipe that this process holds open at both ends.
func (d *daemon) fifo() string {
	d.t.Helper()
	dir, err := os.MkdirTemp(d.work, "")
	d.check(err)
	path := filepath.Join(dir, "pipe")
	d.check(syscall.Mkfifo(path, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	d.check(err)
	d.t.Cleanup(func() { f.Close() })
	return path
}

func (d *daemon) aioNr() int {
	d.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(d.get("aio-nr")))
	d.check(err)
	return n
}

func isErrno(err error, want ...syscall.Errno) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains(want, errno)
}
