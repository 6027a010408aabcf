package fsnode

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

func TestMkdirNames(t *testing.T) {
	m := newMount(t)
	for name, want := range map[string]syscall.Errno{
		"0": 0, "7": 0, "4294967295": 0,
		"4294967296": syscall.EINVAL, "07": syscall.EINVAL, "00": syscall.EINVAL, "-1": syscall.EINVAL, "+1": syscall.EINVAL,
		"1x": syscall.EINVAL, "x": syscall.EINVAL, " 1": syscall.EINVAL, "1_0": syscall.EINVAL, "0x1": syscall.EINVAL, "new": syscall.EEXIST,
	} {
		wantErrno(t, name, os.Mkdir(m.path("ctx", name), 0o700), want)
		_, err := os.Stat(m.path("ctx", name))
		if want == syscall.EINVAL {
			wantErrno(t, name+": stat", err, syscall.ENOENT)
		} else {
			wantErrno(t, name+": stat", err, 0)
		}
	}
	wantErrno(t, "again", os.Mkdir(m.path("ctx/7"), 0o700), syscall.EEXIST)
	if got := read(t, m.path("aio-nr")); got != "24\n" {
		t.Errorf("aio-nr %q, want 3 contexts of 8", got)
	}
	write(t, m.path("aio-max-nr"), "25\n")
	wantErrno(t, "over aio-max-nr", os.Mkdir(m.path("ctx/8"), 0o700), syscall.EAGAIN)
	_, err := os.Open(m.path("ctx/new"))
	wantErrno(t, "new over aio-max-nr", err, syscall.EAGAIN)
}

// The listing is made at each reading, rewinddir(3) included.
func TestListingIsNeverStale(t *testing.T) {
	m := newMount(t)
	dir, err := os.Open(m.path("ctx"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return nil }, "[new]"},
		{func() error { return os.Mkdir(m.path("ctx/3"), 0) }, "[new 3]"},
		{func() error { return os.Mkdir(m.path("ctx/20"), 0) }, "[new 3 20]"},
		{func() error { return os.Remove(m.path("ctx/3")) }, "[new 20]"},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		names, err := dir.Readdirnames(-1)
		if got := fmt.Sprint(names); err != nil || got != step.want {
			t.Errorf("%s %v, want %s", got, err, step.want)
		}
	}
}

// Two opens of new are two contexts, and the last close of each ends its own.
func TestNewIsAContextAnOpen(t *testing.T) {
	m := newMount(t)
	var files [2]*os.File
	for i := range files {
		f, err := os.Open(m.path("ctx/new"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	var numbers [2]string
	for i, f := range files {
		b, err := io.ReadAll(oneByte{f})
		if err != nil || !strings.HasSuffix(string(b), "\n") {
			t.Fatalf("new reads %q %v", b, err)
		}
		numbers[i] = strings.TrimSuffix(string(b), "\n")
		if n, err := f.ReadAt(make([]byte, 9), 100); n != 0 || err != io.EOF {
			t.Errorf("read behind the number: %d %v", n, err)
		}
	}
	if numbers[0] == numbers[1] {
		t.Fatal("both opens got ", numbers[0])
	}
	files[0].Close()
	testenv.Eventually(t, "the closed one goes", func() bool {
		_, err := os.Stat(m.path("ctx", numbers[0]))
		return os.IsNotExist(err)
	})
	if _, err := os.Stat(m.path("ctx", numbers[1])); err != nil {
		t.Error("the other one: ", err)
	}
}

// oneByte reads as dash's read does.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

// The context of README's first lines lives as long as the shell that opened it, and a descendant that has the descriptor.
func TestNewLivesAsLongAsItsDescriptor(t *testing.T) {
	m := newMount(t)
	for _, shell := range shells(t) {
		c := m.sh(t, shell, `exec 9<ctx/new; read -r n <&9; echo $n; (exec 9<&-; ls ctx/$n >/dev/null) && echo alive; exec 9<&-
			while [ -e ctx/$n ]; do :; done; echo gone`)
		if got := strings.Fields(c.wait()); len(got) != 3 || got[1] != "alive" || got[2] != "gone" {
			t.Errorf("%s: %q", shell, got)
		}
	}
}

// A handle holds its context, not a number: what was opened before the kill is dead although N lives again.
func TestDescriptorsDieWithTheirContext(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	open := map[string]*os.File{}
	for name, flags := range map[string]int{
		"nr_events": os.O_RDWR, "submit": os.O_WRONLY, "events": os.O_RDWR, "events_raw": os.O_RDONLY, "cancel": os.O_WRONLY, "buf": os.O_RDWR,
		"files": os.O_RDWR, "stat": os.O_RDONLY, "inflight": os.O_RDONLY, "error_log": os.O_RDONLY,
	} {
		f, err := os.OpenFile(dir+"/"+name, flags|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		open[name] = f
	}
	for range 2 { // dead, and then dead beside a new one of its number
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		for name, f := range open {
			if name != "submit" && name != "cancel" {
				_, err := f.Read(make([]byte, 64))
				wantErrno(t, name+": read", err, syscall.EINVAL)
			}
			if name == "submit" || name == "cancel" || name == "nr_events" || name == "buf" || name == "files" {
				_, err := f.WriteString("noop tag=1\n")
				wantErrno(t, name+": write", err, syscall.EINVAL)
			}
		}
		wantErrno(t, "truncate", open["buf"].Truncate(2<<20), syscall.EINVAL)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// A process whose working directory was killed finds it empty, also when the number lives again.
func TestDeadDirectoryIsEmpty(t *testing.T) {
	m := newMount(t)
	c := m.sh(t, "sh", `mkdir ctx/1; cd ctx/1; for again in 1 2; do
		rmdir ../1 || exit; ls; ls submit out 2>&1 | grep -c 'No such file'; test -d . && mkdir ../1; done; ls ../1 | wc -l`)
	if got := strings.Join(strings.Fields(c.wait()), " "); got != fmt.Sprint("2 2 ", len(contextFiles)) {
		t.Errorf("%q", got)
	}
}

// The kernel knows of an rmdir and empties the directory by itself; of the last close of new it is told nothing.
func TestDeadDirectoryOfNewIsEmpty(t *testing.T) {
	m := newMount(t)
	c := m.sh(t, "sh", `exec 9<ctx/new; read -r n <&9; cd ctx/$n || exit; exec 9<&-
		while [ -e ../$n ]; do :; done; ls; ls submit out stat 2>&1 | grep -c 'No such file'`)
	if got := c.wait(); got != "3\n" {
		t.Errorf("%q", got)
	}
}

// Only the owner, the mounter and root may remove a context, whatever the kernel lets through.
func TestRmdirRights(t *testing.T) {
	if !isRoot() {
		t.Skip("needs root to be others")
	}
	m := newMount(t)
	const user, other = 1001, 1002
	d := &contexts{dir{node{attrs: (&tree{table: m.table, owner: m.owner(1003)}).attrs(0)}}}
	for _, c := range []struct {
		uid  uint32
		want syscall.Errno
	}{{other, syscall.EPERM}, {user, 0}, {user, syscall.ENOENT}} {
		if c.want == syscall.EPERM {
			if _, err := m.table.Setup(5, m.owner(user)); err != nil {
				t.Fatal(err)
			}
		}
		if got := d.Rmdir(asUser(c.uid), "5"); got != c.want {
			t.Errorf("uid %d: %v, want %v", c.uid, got, c.want)
		}
	}
	for _, uid := range []uint32{0, 1003} {
		if _, err := m.table.Setup(5, m.owner(user)); err != nil {
			t.Fatal(err)
		}
		if got := d.Rmdir(asUser(uid), "5"); got != 0 {
			t.Errorf("uid %d: %v", uid, got)
		}
	}
}
