package threads

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

// inTask runs do on a pool thread that has its own root, working directory and umask. Where unshare(2) is denied, it only
// says so.
func inTask(t *testing.T, p *Pool, do func(*Thread)) {
	t.Helper()
	runs(t, p, engine.ClassLocal, "s", func(th *Thread) {
		if th.unshared != nil {
			t.Log("unshare: ", th.unshared)
			return
		}
		do(th)
	})
}

// opath opens a directory as At wants it.
func opath(t *testing.T, dir string) int {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func getwd(t *testing.T) string {
	t.Helper()
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err != nil {
		t.Error("getcwd: ", err)
		return ""
	}
	return string(buf[:n-1])
}

func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWorkingDirectoryIsTheTasks(t *testing.T) {
	p := testPool(t, 2, 2, 2)
	before, dir := getwd(t), realDir(t)
	fd := opath(t, dir)
	inTask(t, p, func(th *Thread) {
		if err := th.At(-1, fd); err != nil {
			t.Error(err)
		}
		if got := getwd(t); got != dir {
			t.Errorf("in %s, want %s", got, dir)
		}
		if err := th.At(-1, -1); err != nil {
			t.Error(err)
		}
		if got := getwd(t); got != "/" {
			t.Errorf("in %s, want /", got)
		}
		if err := th.At(-1, fd); err != nil {
			t.Error(err)
		}
	})
	inTask(t, p, func(*Thread) {
		if got := getwd(t); got == dir {
			t.Error("still in the last task's directory")
		}
	})
	if got := getwd(t); got != before {
		t.Errorf("the process moved from %s to %s", before, got)
	}
}

func TestUmaskIsZero(t *testing.T) {
	p := testPool(t, 2, 2, 2)
	name := filepath.Join(t.TempDir(), "file")
	old := unix.Umask(0o27)
	defer unix.Umask(old)
	inTask(t, p, func(*Thread) {
		fd, err := unix.Open(name, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
		if err != nil {
			t.Error(err)
			return
		}
		unix.Close(fd)
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o666 {
			t.Errorf("%v %v, want mode 0666", st, err)
		}
	})
	if mask := unix.Umask(0o27); mask != 0o27 {
		t.Errorf("the process's umask became %#o", mask)
	}
}

func TestRootIsTheTasks(t *testing.T) {
	needsChroot(t)
	p := testPool(t, 2, 2, 2)
	dir := realDir(t)
	if err := os.MkdirAll(dir+"/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	root, sub := opath(t, dir), opath(t, dir+"/sub")
	for range 2 {
		inTask(t, p, func(th *Thread) {
			for range 2 {
				if err := th.At(root, sub); err != nil {
					t.Error(err)
				}
				if got := getwd(t); got != "/sub" {
					t.Errorf("in %s, want /sub", got)
				}
			}
			if err := th.At(-1, sub); err != nil {
				t.Error(err)
			}
			if got := getwd(t); got != dir+"/sub" {
				t.Errorf("in %s, want %s/sub", got, dir)
			}
			if err := th.At(root, root); err != nil {
				t.Error(err)
			}
		})
		inTask(t, p, func(th *Thread) {
			if _, err := os.Stat(dir); err != nil {
				t.Error("still in the last task's root: ", err)
			}
		})
	}
}

// An idle thread keeps no mount busy.
func TestIdleThreadsKeepNoMount(t *testing.T) {
	needsChroot(t)
	p := testPool(t, 2, 2, 2)
	dir := realDir(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("mount: ", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	for _, asRoot := range []bool{false, true} {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		inTask(t, p, func(th *Thread) {
			root := -1
			if asRoot {
				root = fd
			}
			if err := th.At(root, fd); err != nil {
				t.Error(err)
			}
		})
		unix.Close(fd)
	}
	testenv.Eventually(t, "umount", func() bool { return unix.Unmount(dir, 0) == nil })
}

func needsChroot(t *testing.T) {
	t.Helper()
	if unix.Geteuid() != 0 {
		testenv.Lacks(t, "needs root")
	}
}

// dropChroot takes CAP_SYS_CHROOT from the calling thread.
func dropChroot(t *testing.T) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		t.Error(err)
	}
	data[0].Effective &^= 1 << unix.CAP_SYS_CHROOT
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		t.Error(err)
	}
}

func TestRootWithoutTheRight(t *testing.T) {
	p := testPool(t, 2, 2, 2)
	fd := opath(t, t.TempDir())
	inTask(t, p, func(th *Thread) {
		dropChroot(t)
		if err := th.At(fd, fd); !errors.Is(err, unix.EPERM) {
			t.Errorf("another root: %v, want EPERM", err)
		}
		own := opath(t, "/")
		if err := th.At(own, fd); err != nil {
			t.Errorf("the daemon's root by another descriptor: %v", err)
		}
		th.lost = true // it lacks a capability
	})
}

// A thread that cannot leave a task's root runs nothing more, and what is queued behind it runs elsewhere.
func TestThreadThatIsLost(t *testing.T) {
	needsChroot(t)
	p := testPool(t, 2, 2, 2)
	dir := realDir(t)
	fd := opath(t, dir)
	tids := make(chan int, 2)
	behind := &Task{Share: "s", Run: func(*Thread) {
		if _, err := os.Stat(dir); err != nil {
			t.Error("in the root of another task: ", err)
		}
		tids <- unix.Gettid()
	}}
	inTask(t, p, func(th *Thread) {
		if err := th.At(fd, fd); err != nil {
			t.Error(err)
		}
		dropChroot(t)
		tids <- unix.Gettid()
		p.Go(behind) // its share is full, so it is queued
	})
	if len(tids) > 0 {
		if a, b := <-tids, <-tids; a == b {
			t.Error("the same thread went on")
		}
	}
}
