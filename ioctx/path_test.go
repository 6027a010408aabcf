package ioctx

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// result submits one line as w and returns RES and ERR of its event.
func (e *env) result(w Caller, c *Kioctx, line string) string {
	e.Helper()
	e.submitAs(w, c, line+"\n")
	words := strings.Fields(e.cat(c))
	if len(words) < 3 {
		e.Fatalf("%s: no event", line)
	}
	return words[1] + " " + words[2]
}

// wantResult fails the test unless line, submitted as w, ends with result.
func (e *env) wantResult(w Caller, c *Kioctx, line, result string) {
	e.Helper()
	if got := e.result(w, c, line); got != result {
		e.Errorf("%s: %s, want %s", line, got, result)
	}
}

// What is wrong with a path comes in the event, and no path leads through a magic link, to procfs or into the daemon's own mount.
func TestWhereAPathMayNotLead(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	path := tempFile(t, "x")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dir := filepath.Dir(path)
	link, loop := filepath.Join(dir, "link"), filepath.Join(dir, "loop")
	for from, to := range map[string]string{link: path, loop: loop, dir + "/magic": "/proc/self/root"} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ path, result string }{
		{path, "1 -"},
		{link, "1 -"},
		{loop, "-40 ELOOP"},
		{fmt.Sprintf("/proc/self/fd/%d", file.Fd()), "-40 ELOOP"},
		{fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()), "-40 ELOOP"},
		{"/proc/self/root" + path, "-40 ELOOP"},
		{"/proc/self/cwd/path_test.go", "-40 ELOOP"},
		{dir + "/magic" + path, "-40 ELOOP"},
		{"/proc/self/status", "-13 EACCES"},
		{"/proc/version", "-13 EACCES"},
		{"/no/such", "-2 ENOENT"},
		{path + "/below", "-20 ENOTDIR"},
		{dir, "-22 EINVAL"},
		{"/" + strings.Repeat("x", 300), "-36 ENAMETOOLONG"},
	} {
		e.wantResult(self, c, "pread keep=no "+step.path, step.result)
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	e.SetOwnDev(st.Dev)
	e.wantResult(self, c, "pread keep=no "+path, "-40 ELOOP")
	e.wantResult(self, c, "pread keep=no "+link, "-40 ELOOP")
	f := e.filesWriter(c)
	_, err = f.Write([]byte("open 0 "+path+"\n"), self, nil)
	wantErrno(t, "a slot", err, syscall.ELOOP)
	testenv.Eventually(t, "what was opened in vain is closed", func() bool { return !isOpen(dir) && strings.Count(fmt.Sprint(testenv.OpenFiles()), path) == 1 })
}

// Opening a FIFO does not wait for its other end. A read of it does, as open(2) would; a write without a reader is ENXIO.
func TestOpeningAFIFODoesNotWait(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		path := filepath.Join(t.TempDir(), "fifo")
		if err := unix.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		e.wantResult(self, c, "pwrite str=x "+path, "-6 ENXIO")
		e.openSlot(c, 0, "rdonly", path)
		e.submit(c, "pread tag=8 len=5 slot=0\npread tag=9 len=5 "+path+"\n")
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.WriteString("hellohello"); err != nil {
			t.Fatal(err)
		}
		if got := e.cat(c); strings.Count(got, " 5 - ") != 2 {
			t.Errorf("events %q", got)
		}
		wantOut(t, c, 8, "hello")
		wantOut(t, c, 9, "hello")
	})
}

// A relative path is the writer's, and so is the umask.
func TestTheWritersDirectoryAndUmask(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	dir := filepath.Dir(tempFile(t, "hello"))
	w := startWriter(t, "/", dir, 0o027)
	e.wantResult(w, c, "pread keep=no ./file", "5 -")
	e.wantResult(w, c, "pread keep=no path=file", "5 -")
	e.wantResult(self, c, "pread keep=no ./file", "-2 ENOENT")
	e.wantResult(w, c, "pwrite str=x open=wronly,creat ./made", "1 -")
	f := e.filesWriter(c)
	if _, err := f.Write([]byte("open 0 open=rdwr,creat ./made2\n"), w, nil); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"made", "made2"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if st.Mode().Perm() != 0o640 {
			t.Errorf("%s has mode %v, want 0640", name, st.Mode())
		}
	}
	if got := string(c.FilesText()); got != "0 open=rdwr,creat ./made2\n" {
		t.Errorf("files %q", got)
	}
}

// A chrooted writer names what it sees, and gets no farther.
func TestAChrootedWriter(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("chroot is for root")
	}
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	dir := filepath.Dir(tempFile(t, "hello"))
	if err := os.Symlink("/file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	w := startWriter(t, dir, "/sub", 0)
	for _, path := range []string{"/file", "/link", "../file", "/../file", "./../../../file"} {
		e.wantResult(w, c, "pread keep=no path="+path, "5 -")
	}
	e.wantResult(w, c, "pread keep=no /etc/passwd", "-2 ENOENT")
	e.wantResult(w, c, "pread keep=no ../../../../etc/passwd", "-2 ENOENT")
	e.wantResult(self, c, "pread keep=no "+dir+"/file", "5 -") // the same threads are home again
	e.wantResult(self, c, "pread keep=no len=9 ./path_test.go", "9 -")
}

// A writer that cannot be seen can name no path, and is told so at the write; what needs none of its own goes on.
func TestAWriterThatCannotBeSeen(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	gone := Caller{TID: 1 << 30}
	s := e.submitter(c, false)
	defer s.Close()
	for _, w := range []Caller{{}, gone} {
		for _, path := range []string{"/dev/null", "./x"} {
			_, err := s.Write([]byte("pread "+path+"\n"), w, nil)
			wantErrno(t, path, err, syscall.EACCES)
		}
		if _, err := s.Write([]byte("noop\n"), w, nil); err != nil {
			t.Error(err)
		}
		f := e.filesWriter(c)
		_, err := f.Write([]byte("open 0 /dev/null\n"), w, nil)
		wantErrno(t, "a slot", err, syscall.EACCES)
	}
	if log := string(c.ErrorLog()); strings.Count(log, "cannot be seen") != 6 {
		t.Errorf("error_log %q", log)
	}
	e.wantStat(c, "submitted", 2)
}

// A write holds its writer's directory only as long as it needs it, so that it can be unmounted.
func TestNoDirectoryIsHeld(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	dir := filepath.Dir(tempFile(t, "x"))
	w := startWriter(t, "/", dir, 0)
	for _, text := range []string{"pread keep=no ./file\n", "pread keep=no ./gone\n", "noop\n", "bad\n", "pread ./file bad=1 \x00"} {
		s := e.submitter(c, false)
		s.Write([]byte(text), w, nil)
		s.Close()
		e.cat(c)
	}
	testenv.Eventually(t, "the directory is closed", func() bool { return !isOpen(dir) })
}

// A path on a file system that can hang is known by its words, as the writer sees them.
func TestClassOfAPath(t *testing.T) {
	text := []byte(`22 1 8:1 / / rw shared:1 - ext4 /dev/sda rw
30 22 0:30 / /mnt/with\040blank rw,relatime shared:2 master:1 - nfs4 server:/x rw
31 22 0:31 / /mnt/t rw - tmpfs tmpfs rw
32 31 0:32 / /mnt/t/f rw - fuse.sshfs x rw
`)
	hang := parseMounts(text).hang
	if fmt.Sprint(hang) != "[/mnt/with blank /mnt/t/f]" {
		t.Fatalf("mounts that can hang: %q", hang)
	}
	var m mounts
	if m.classOf("/mnt/t/f/x") != 0 {
		t.Error("a path is thought to hang before anything is known")
	}
	m.seen.Store(parseMounts(text))
	for path, hangs := range map[string]bool{
		"/mnt/t/f": true, "/mnt/t/f/x": true, "/mnt/t/ff": false, "/mnt/t": false, "/mnt/with blank/x": true,
		"/mnt/t/f/../g": false, "/mnt/t//./f/x": true, "/": false, "": false,
	} {
		if got := m.classOf(path) != 0; got != hangs {
			t.Errorf("%q hangs: %v", path, got)
		}
	}
	root := &mountTable{hang: []string{"/"}}
	m.seen.Store(root)
	if m.classOf("/any") == 0 {
		t.Error("where the root can hang, so can everything")
	}
}
