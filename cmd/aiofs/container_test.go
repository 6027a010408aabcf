package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// containerScript gives its arguments a root, pids and an /etc of their own, with the mount $M on /aio.
// It all lies on a tmpfs in a mount namespace whose mounts nobody else sees.
const containerScript = `mount -t tmpfs tmpfs "$PWD"
cd "$PWD"
for d in /*; do
	case $d in /etc|/proc|/sys|/tmp|/aio) continue;; esac
	if [ -L $d ]; then cp -P $d .; elif [ -d $d ]; then mkdir .$d; mount --rbind $d .$d; fi
done
mkdir etc proc aio
echo contained > etc/hello
mount --bind "$M" aio
mount -t proc proc proc
exec chroot . "$@"`

// seccompScript denies io_setup and its kin, as seen in the answer of each, and becomes its arguments. The numbers are those of
// x86-64: asm/unistd_64.h; the filter is struct sock_filter: linux/filter.h, linux/seccomp.h.
const seccompScript = `import ctypes, os, struct, sys
denied = [206, 207, 208, 209, 210, 333, 425, 426, 427]
op = lambda code, k, jf=0: struct.pack("HBBI", code, 0, jf, k)
program = op(0x20, 0) + b"".join(op(0x15, n, 1) + op(0x06, 0x00050001) for n in denied) + op(0x06, 0x7fff0000)
memory = ctypes.create_string_buffer(program)
class Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
fprog = Fprog(len(program) // 8, ctypes.cast(memory, ctypes.c_void_p))
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(fprog), 0, 0):
    sys.exit("no filter: " + os.strerror(ctypes.get_errno()))
for n in denied:
    if libc.syscall(n, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1:
        sys.exit("system call %d is not denied" % n)
os.execvp(sys.argv[1], sys.argv[1:])`

// The lines that README.md gives to a container work where AIO and io_uring are denied, and read what lies there.
func TestContainerWithoutAIO(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || runtime.GOARCH != "amd64" || os.Geteuid() != 0 {
		t.Skip("needs root and python3 on x86-64")
	}
	if out, err := exec.Command(python, "-c", "import sys; print(sys.executable)").Output(); err == nil {
		python = strings.TrimSpace(string(out)) // python3 may be a script that needs more than the container has
	}
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?s)docker run [^']*debian sh -c '\n(.*?)'\n`).FindSubmatch(page)
	if lines == nil {
		t.Fatal("README.md has no docker run")
	}
	_, mnt := mountBinary(t)
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-ec", containerScript, "sh", python, "-c", seccompScript, "sh", "-euc", string(lines[1]))
	cmd.Dir = emptyDir(t)
	cmd.Env = append(os.Environ(), "M="+mnt)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if got := anyNumber(string(out)); err != nil || got != "1 10 - seq=N op=pread usec=N /etc/hello\n" {
		t.Errorf("%v, output:\n%s", err, out)
	}
}

// emptyDir is a directory that is removed only if it is empty, and lies where nothing else removes it: were the container's
// mounts to show there, a recursive removal would go through them.
func emptyDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(filepath.Dir(binary)), "aiofs-container-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
