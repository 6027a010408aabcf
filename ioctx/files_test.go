package ioctx

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// filesWriter opens files until the test ends.
func (e *env) filesWriter(c *Kioctx) *FilesWriter {
	e.Helper()
	f, err := c.OpenFiles()
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(f.Close)
	return f
}

// tempFile makes a file with text in it and returns its path.
func tempFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiles(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	path := tempFile(t, "")
	f := e.filesWriter(c)
	write := func(text string, n int, errno syscall.Errno) {
		t.Helper()
		got, err := f.Write([]byte(text), self, newDeadline(testenv.Patience))
		if got != n || errno == 0 && err != nil {
			t.Errorf("a write of %q returned %d, %v, want %d", text, got, err, n)
		}
		if errno != 0 {
			wantErrno(t, text, err, errno)
		}
	}
	open := "open 3 open=rdwr,append " + path + "\n"
	write(open, len(open), 0)
	write(open, 0, syscall.EBUSY)
	write("close 4\n", 0, syscall.EBADF)
	write("open 1024 "+path+"\n", 0, syscall.EINVAL)
	write("open 1 /no/such\n", 0, syscall.ENOENT)
	write("open 1 "+path+"\nclose 9\nclose 1\n", len("open 1 "+path+"\n"), 0)
	write("open 0 open=rdonly,creat path="+path, len("open 0 open=rdonly,creat path="+path), 0) // a cut
	write("\\012x\nclose", 11, 0)
	want := "0 open=rdonly,creat " + path + "\\012x\n1 open=rdonly " + path + "\n3 open=rdwr,append " + path + "\n"
	if got := string(c.FilesText()); got != want {
		t.Errorf("files %q, want %q", got, want)
	}
	write(" 3\nclose 0\nclose 1\n", 19, 0)
	if got := string(c.FilesText()); got != "" {
		t.Errorf("files %q, want none", got)
	}
	log := string(c.ErrorLog())
	for _, want := range []string{"files line=2 EBUSY slot 3", "files line=3 EBADF slot 4", "files line=4 EINVAL", "files line=5 ENOENT", "EBADF slot 9"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in %q", want, log)
		}
	}
}

// What is left at the last close was no line.
func TestACutOfFilesAtTheClose(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	f, err := c.OpenFiles()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte("open 0 /dev"), self, nil); n != 11 || err != nil {
		t.Fatal(n, err)
	}
	f.Close()
	if log := string(c.ErrorLog()); log != "files line=1 EINVAL cut off by the close, not taken: open 0 /dev\n" {
		t.Errorf("error_log %q", log)
	}
	if got := c.FilesText(); len(got) > 0 {
		t.Errorf("files %q", got)
	}
}

// The engine knows the file of a slot from its first request until the last of those that have it, which may be after the slot was closed.
func TestTheEngineKnowsAFile(t *testing.T) {
	e, fake := fakeEnv(t, Config{})
	c := e.setup(1)
	e.openSlot(c, 0, "rdonly", tempFile(t, "first"))
	e.openSlot(c, 1, "rdonly", tempFile(t, "idle"))
	e.openSlot(c, 2, "rdonly", tempFile(t, "left"))
	e.submit(c, "pread slot=0 len=1 keep=no\npread slot=0 len=1 keep=no\npread slot=2 len=1 keep=no\n")
	q := fake.queues[0]
	for i, r := range fake.inflight() {
		if fd, ok := q.registered()[r.Fixed]; !ok || fd != r.FD {
			t.Errorf("request %d has %d for descriptor %d, registered are %v", i, r.Fixed, r.FD, q.registered())
		}
	}
	if n := len(q.registered()); n != 2 {
		t.Errorf("%d files are registered, want the two in use", n)
	}
	f := e.filesWriter(c)
	if _, err := f.Write([]byte("close 0\n"), self, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 1, 1} { // of the closed slot until both are over, of the other in any case
		fake.finish(1, 1)
		if n := len(q.registered()); n != want {
			t.Errorf("%d files are registered, want %d", n, want)
		}
	}
	e.openSlot(c, 0, "rdonly", tempFile(t, "second"))
	e.submit(c, "pread slot=0 len=1 keep=no\n")
	if r := fake.inflight()[0]; r.Fixed != 3 || q.registered()[3] != r.FD {
		t.Errorf("the next file in the slot is %d, registered are %v", r.Fixed, q.registered())
	}
	fake.finish(1, 1)
	e.Exit(c) // the queue's Close looks whether anything is left
	<-c.gone
}

// A request in flight keeps its file, when its slot is closed and when that is opened as another.
func TestARequestKeepsItsFile(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		fifo, w := tempFIFO(t)
		e.openSlot(c, 0, "rdwr", fifo)
		e.submit(c, "pread slot=0 tag=7 len=5\n")
		f := e.filesWriter(c)
		text := "close 0\nopen 0 /dev/zero\n"
		if n, err := f.Write([]byte(text), self, nil); n != len(text) || err != nil {
			t.Fatal(n, err)
		}
		if got := string(c.Inflight()); !strings.HasPrefix(got, "7 - - seq=1 op=pread ") {
			t.Errorf("in flight: %q", got)
		}
		if _, err := w.WriteString("hello"); err != nil {
			t.Fatal(err)
		}
		if got := e.cat(c); !strings.HasPrefix(got, "7 5 - ") {
			t.Errorf("events %q", got)
		}
		wantOut(t, c, 7, "hello")
	})
}

// A slot that is closed has closed its file once its last request is over.
func TestAClosedSlotClosesItsFile(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	path := tempFile(t, "")
	e.openSlot(c, 0, "rdonly", path)
	e.submit(c, "fsync slot=0\n")
	files := e.filesWriter(c)
	if _, err := files.Write([]byte("close 0\n"), self, nil); err != nil {
		t.Fatal(err)
	}
	s := e.submitter(c, true)
	defer s.Close()
	e.write(s, "fsync slot=0\n", 0, syscall.EBADF)
	if fd := f.inflight()[0].FD; target(fd) != path {
		t.Errorf("the request's descriptor leads to %q", target(fd))
	}
	f.finish(1, 0)
	testenv.Eventually(t, "the file is closed", func() bool { return !isOpen(path) })
}

// target is what a descriptor leads to.
func target(fd int32) string {
	to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	return to
}

// isOpen says whether any descriptor of this process leads to path.
func isOpen(path string) bool {
	return slices.Contains(testenv.OpenFiles(), path)
}

// tempFIFO makes a FIFO and opens both its ends until the test ends.
func tempFIFO(t testing.TB) (path string, w *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return path, w
}

// wantOut fails the test unless out/TAG is text.
func wantOut(t testing.TB, c *Kioctx, tag uint64, text string) {
	t.Helper()
	o, err := c.Out(tag)
	if err != nil {
		t.Errorf("out/%d: %v", tag, err)
		return
	}
	defer o.Put()
	b := make([]byte, len(text)+100)
	n, err := o.ReadAt(b, 0)
	if string(b[:n]) != text || err != nil || o.Size() != int64(n) {
		t.Errorf("out/%d is %q of %d bytes, %v, want %q", tag, b[:n], o.Size(), err, text)
	}
}

// A signal ends the wait for an open that hangs; the open goes on without anyone, and what it opens is closed.
func TestAnOpenThatHangsCanBeLeft(t *testing.T) {
	for name, leave := range map[string]func(e *env, c *Kioctx, sig *signal){
		"signal": func(_ *env, _ *Kioctx, sig *signal) { sig.send(true) },
		"kill":   func(e *env, c *Kioctx, _ *signal) { e.Exit(c) },
	} {
		t.Run(name, func(t *testing.T) {
			e := threadsEnv(t, Config{})
			h := newHangOpen(t)
			c := e.setup(1)
			f := e.filesWriter(c)
			sig := newSignal()
			call := begin(t, func() outcome {
				n, err := f.Write([]byte("open 0 "+h.path+"\n"), self, sig)
				return outcome{n: n, err: err}
			})
			testenv.Eventually(t, "the open hangs", func() bool { return h.arrived.Load() == 1 })
			leave(e, c, sig)
			call.want(0, map[string]syscall.Errno{"signal": syscall.EINTR, "kill": syscall.EINVAL}[name])
			h.answer()
			testenv.Eventually(t, "what was opened is closed", func() bool { return h.closed.Load() == 1 })
			if got := c.FilesText(); len(got) > 0 {
				t.Errorf("files %q", got)
			}
		})
	}
}

// The text of files can be asked for at any time, also while the context is freed.
func TestFilesTextBesideTheKill(t *testing.T) {
	e := threadsEnv(t, Config{})
	for range 20 {
		c := e.setup(1)
		e.openSlot(c, 0, "rdonly", "/dev/null")
		shown := begin(t, func() outcome {
			for {
				select {
				case <-c.gone:
					return outcome{}
				default:
					c.FilesText()
				}
			}
		})
		e.Exit(c)
		shown.want(0, 0)
	}
}
