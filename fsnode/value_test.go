package fsnode

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func (m *testMount) owner(uid uint32) ioctx.Owner { return ioctx.Owner{UID: uid, GID: uid} }

// asUser is the context of a request of this uid.
func asUser(uid uint32) context.Context {
	return &fuse.Context{Caller: fuse.Caller{Owner: fuse.Owner{Uid: uid, Gid: uid}}}
}

// shells are those that the interface is written for, as far as they are here.
func shells(t *testing.T) (found []string) {
	t.Helper()
	for _, name := range []string{"bash", "dash"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	if found == nil {
		t.Skip("neither bash nor dash")
	}
	return found
}

func TestNrEvents(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	write(t, m.path("aio-max-nr"), "100")
	for _, c := range []struct {
		text string
		want syscall.Errno
	}{
		{"32\n", 0}, {"16", 0}, {"0\n", syscall.EINVAL}, {"-1", syscall.EINVAL}, {"99999999999", syscall.EINVAL},
		{"99999999999999999999999", syscall.EINVAL}, {"4 4", syscall.EINVAL}, {"4\n\n", syscall.EINVAL}, {"\n", syscall.EINVAL},
		{" 4", syscall.EINVAL}, {"4 ", syscall.EINVAL}, {"4k", syscall.EINVAL}, {"101", syscall.EAGAIN}, {"100", 0}, {"4", 0},
	} {
		wantErrno(t, c.text, tryWrite(dir+"/nr_events", c.text), c.want)
	}
	if got := read(t, dir+"/nr_events"); got != "4\n" {
		t.Errorf("nr_events %q", got)
	}
	if got := read(t, m.path("aio-nr")); got != "4\n" {
		t.Errorf("aio-nr %q", got)
	}
	write(t, dir+"/submit", "noop\n")
	wantErrno(t, "after the first submit", tryWrite(dir+"/nr_events", "4"), syscall.EBUSY)
}

func TestAioMaxNr(t *testing.T) {
	m := newMount(t)
	if got := read(t, m.path("aio-max-nr")); got != "1048576\n" {
		t.Errorf("aio-max-nr %q", got)
	}
	write(t, m.path("aio-max-nr"), "77\n")
	wantErrno(t, "no number", tryWrite(m.path("aio-max-nr"), "x"), syscall.EINVAL)
	if got := read(t, m.path("aio-max-nr")); got != "77\n" {
		t.Errorf("aio-max-nr %q", got)
	}
}

// What a descriptor reads was made when it was opened, so that pieces fit together.
func TestContentIsFromTheOpen(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	write(t, dir+"/files", "open 1 open=rdonly /dev/null\n")
	for _, c := range []struct{ name, change, text string }{
		{"nr_events", "nr_events", "12345"},
		{"../../aio-nr", "nr_events", "8"},
		{"../../aio-max-nr", "../../aio-max-nr", "8"},
		{"files", "files", "close 1\n"},
		{"error_log", "submit", "nonsense\n"},
		{"stat", "submit", "nonsense\n"},
	} {
		path := dir + "/" + c.name
		before := read(t, path)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 1)
		n, _ := f.Read(first)
		tryWrite(dir+"/"+c.change, c.text)
		rest, err := io.ReadAll(oneByte{f})
		f.Close()
		if got := string(first[:n]) + string(rest); err != nil || got != before {
			t.Errorf("%s: %q %v, want what it was at the open: %q", c.name, got, err, before)
		}
		if got := read(t, path); got == before {
			t.Errorf("%s: opened again, still %q", c.name, got)
		}
	}
}

// README is about the files that there are.
func TestReadme(t *testing.T) {
	m := newMount(t)
	got := read(t, m.path("README"))
	if got != string(readme) {
		t.Errorf("README is %q", got)
	}
	for _, f := range rootFiles {
		if !strings.Contains(got, f.name) {
			t.Error("README does not name ", f.name)
		}
	}
	for _, f := range contextFiles {
		if !strings.Contains(got, f.name) {
			t.Error("README does not name ", f.name)
		}
	}
}
