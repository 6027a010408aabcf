package harness

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine/uring/uringtest"
	"github.com/aiofs/aiofs/ring/testenv"
)

// Mounts waits until the daemon p has mounted. Where it cannot have the engine that it was told to take, the test ends.
func (p *Process) Mounts(t testing.TB) {
	t.Helper()
	testenv.Eventually(t, "being mounted", func() bool {
		if p.Ends(0) {
			asked := strings.Contains(strings.Join(p.Cmd.Args, " "), "engine=uring")
			if asked && strings.Contains(p.Said.String(), "engine=uring cannot be had") {
				uringtest.Lacks(t, p.Said.String())
			}
			t.Fatalf("the daemon has ended: %s", p.Said)
		}
		return strings.Contains(p.Said.String(), "msg=mounted")
	})
}

// Ended fails the test unless the daemon p, whose mount was on dir, has ended with status, without complaint and without its mount.
func (p *Process) Ended(t testing.TB, dir string, status int) {
	t.Helper()
	if got := p.Status(); got != status {
		t.Errorf("the daemon ended with %v, want status %d", p.Cmd.ProcessState, status)
	}
	for _, bad := range []string{"panic", "DATA RACE", "fatal error", "goroutine "} {
		if said := p.Said.String(); strings.Contains(said, bad) {
			t.Errorf("the daemon said: %s", Tail(said))
			break
		}
	}
	if Mounted(dir) {
		t.Errorf("%s is still mounted", dir)
	}
}

// Mounted says whether a FUSE file system is mounted on dir.
func Mounted(dir string) bool {
	table, err := os.ReadFile("/proc/self/mounts")
	return err == nil && strings.Contains(string(table), " "+dir+" fuse.")
}

// Abort ends a mount, whoever waits for it.
func Abort(dir string) {
	_ = syscall.Unmount(dir, syscall.MNT_FORCE) // aborts the connection, though it may then say EBUSY
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); errors.Is(err, syscall.EPERM) {
		_ = exec.Command("fusermount3", "-u", "-z", dir).Run()
	}
}
