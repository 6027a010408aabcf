package fsnode

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMountTable(t *testing.T) {
	m := newMount(t)
	b := read(t, "/proc/self/mounts")
	want := testFsName + " " + m.dir + " fuse.aiofs "
	for line := range strings.Lines(b) {
		if rest, ok := strings.CutPrefix(line, want); ok {
			if strings.Contains(rest, "allow_other") || !strings.Contains(rest, "default_permissions") {
				t.Error(line)
			}
			return
		}
	}
	t.Errorf("%q is not in %s", want, b)
}

// Root needs no fuse3 package: neither mounting nor unmounting looks for a program.
func TestRootNeedsNoFusermount(t *testing.T) {
	if !isRoot() {
		t.Skip("root only")
	}
	t.Setenv("PATH", "")
	m := newMount(t)
	wantErrno(t, "unmount", m.server.Unmount(), 0)
	m.server.Wait()
}

// A program that the daemon starts must not keep the connection alive when the daemon dies.
func TestChildrenInheritNothing(t *testing.T) {
	m := newMount(t)
	if out := m.sh(t, "sh", `ls -l /proc/$$/fd`).wait(); strings.Contains(out, fuseDevice) || !strings.Contains(out, "pipe:") {
		t.Error(out)
	}
}

func TestUnmountBusy(t *testing.T) {
	m := newMount(t)
	f, err := os.Open(m.path("README"))
	if err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "with an open file", m.server.Unmount(), syscall.EBUSY)
	f.Close()
	wantErrno(t, "without", m.server.Unmount(), 0)
	m.server.Wait()
	wantErrno(t, "again", m.server.Unmount(), 0)
}

// A detached mount serves those who are in it, and ends with the last.
func TestDetach(t *testing.T) {
	m := newMount(t)
	f, err := os.Open(m.path("aio-nr"))
	if err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "detach", m.server.Detach(), 0)
	if _, err := os.Stat(m.path("README")); !os.IsNotExist(err) {
		t.Error("still visible: ", err)
	}
	b := make([]byte, 8)
	if n, err := f.Read(b); string(b[:n]) != "0\n" || err != nil {
		t.Errorf("%q %v", b[:n], err)
	}
	f.Close()
	m.server.Wait()
}

// umount -f aborts the connection below whoever waits. The waiting handler must notice, and nothing dead stays in the tree.
func TestAbort(t *testing.T) {
	if !isRoot() {
		t.Skip("needs root")
	}
	m := newMount(t)
	m.context(t, "1")
	c := m.goClient(t, "read-and-stay", m.path("ctx/1/events"))
	c.waitsIn(unix.SYS_READ, "events")
	unix.Unmount(m.dir, unix.MNT_FORCE)
	m.server.Wait()
	if _, err := os.Stat(m.path("README")); !os.IsNotExist(err) {
		t.Error("a dead mount is left: ", err)
	}
	if !c.running() {
		t.Error("the client did not outlive the connection")
	}
	c.signal(syscall.SIGKILL)
	c.result()
}

func TestPreflight(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if got, err := mountPoint(link); got != dir || err != nil {
		t.Errorf("a link: %q %v", got, err)
	}
	_, err := mountPoint(file)
	wantErrno(t, "a file", err, syscall.ENOTDIR)
	_, err = Mount(filepath.Join(dir, "no"), nil, Options{})
	wantErrno(t, "nothing", err, syscall.ENOENT)

	for errno, want := range map[syscall.Errno]string{
		syscall.ENOENT: "modprobe fuse", syscall.EACCES: "chmod 666 /dev/fuse", syscall.EPERM: "--device /dev/fuse",
		syscall.ENODEV: "modprobe fuse", syscall.EIO: "cannot be opened",
	} {
		err := deviceError(&os.PathError{Op: "open", Path: fuseDevice, Err: errno})
		var lacks *SetupError
		if !errors.As(err, &lacks) || !errors.Is(err, errno) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

// A request whose path leads into the mount that it came through is refused: its thread would wait for itself.
func TestOwnMountIsRefused(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	write(t, dir+"/submit", "pread tag=1 "+m.path("README")+"\n")
	if got := read(t, dir+"/events"); !strings.HasPrefix(got, "1 -40 ELOOP ") {
		t.Errorf("%q", got)
	}
}
