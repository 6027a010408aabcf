package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// asHelper calls the program by the name that mount(8) has for it.
func asHelper(cmd *exec.Cmd) { cmd.Args[0] = "/sbin/mount.fuse.aiofs" }

// daemonOn finds the process that serves dir, which is not a child of this one: it has dir among its arguments.
func daemonOn(t *testing.T, dir string) int {
	t.Helper()
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range lines {
		args, _ := os.ReadFile(name)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if exe, _ := os.Readlink(filepath.Dir(name) + "/exe"); exe == binary && strings.Contains(string(args), "\x00"+dir+"\x00") {
			return pid
		}
	}
	t.Fatalf("nothing serves %s", dir)
	return 0
}

// gone waits for the end of a process that is not a child.
func gone(t *testing.T, pid int) {
	t.Helper()
	testenv.Eventually(t, "the end of the daemon", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
}

// inBackground mounts by a command that returns, on a directory of its own, and sees to it that nothing of it is left.
func inBackground(t *testing.T, change func(*exec.Cmd), args ...string) (dir string, pid int, stderr string) {
	t.Helper()
	needFuse(t)
	dir = t.TempDir()
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "DIR", dir)
	}
	_, stderr, status := runBinary(t, change, args...)
	if status != exitOK {
		t.Fatalf("exit status %d, %s", status, stderr)
	}
	if m := mountedAt(dir); m != "fuse.aiofs" {
		t.Fatalf("the command has returned and the mount is %q", m)
	}
	if _, err := os.ReadFile(filepath.Join(dir, "aio-nr")); err != nil {
		t.Errorf("the command has returned and the mount does not answer: %v", err)
	}
	pid = daemonOn(t, dir)
	t.Cleanup(func() {
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			_ = detachMount(dir) // TestMain looks for what is left
			gone(t, pid)
		}
	})
	return dir, pid, stderr
}

// The helper returns when the mount answers, and leaves a daemon that holds on to nothing of its starter.
func TestBackground(t *testing.T) {
	dir, pid, _ := inBackground(t, asHelper, "the source", "DIR", "-o", "rw,grace=1s")
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	for link, want := range map[string]string{"cwd": "/", "fd/0": os.DevNull, "fd/1": os.DevNull, "fd/2": os.DevNull} {
		if got, err := os.Readlink(filepath.Join(proc, link)); got != want {
			t.Errorf("%s is %s, %v; want %s", link, got, err, want)
		}
	}
	if sid, err := unix.Getsid(pid); sid != pid {
		t.Errorf("the daemon's session is %d, %v", sid, err)
	}
	table, _ := os.ReadFile("/proc/self/mounts")
	if want := `the\040source ` + dir + " fuse.aiofs "; !strings.Contains(string(table), want) {
		t.Errorf("no %q in\n%s", want, table)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
	if m := mountedAt(dir); m != "" {
		t.Errorf("still mounted: %s", m)
	}
}

// What is wrong is said once, on the terminal, and the exit status is that of the daemon.
func TestBackgroundFails(t *testing.T) {
	needFuse(t)
	dir, _, _ := inBackground(t, nil, "src", "DIR")
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"src", dir}, exitMount, "already mounted"},
		{[]string{"src", "/proc/nowhere"}, exitMount, "no such file"},
		{[]string{"src", dir, "-o", "nr_events=5,max_nr=3"}, exitUsage, "no context could ever be made"},
	} {
		_, stderr, status := runBinary(t, asHelper, tt.args...)
		stderr = withoutLogNote(stderr)
		if status != tt.status || strings.Count(stderr, tt.want) != 1 || strings.Count(stderr, "aiofs: ") != 1 {
			t.Errorf("%q: exit status %d, stderr %q; want %d and once %q", tt.args, status, stderr, tt.status, tt.want)
		}
	}
}

// A relative mountpoint is meant as the starter sees it, though the daemon goes elsewhere.
func TestBackgroundRelative(t *testing.T) {
	needFuse(t)
	parent := t.TempDir()
	if err := os.Mkdir(filepath.Join(parent, "m"), 0o755); err != nil {
		t.Fatal(err)
	}
	in := func(cmd *exec.Cmd) { cmd.Dir = parent }
	if _, stderr, status := runBinary(t, in, "src", "m"); status != exitOK {
		t.Fatalf("exit status %d, %s", status, stderr)
	}
	dir := filepath.Join(parent, "m")
	if m := mountedAt(dir); m != "fuse.aiofs" {
		t.Fatalf("%s: %q", dir, m)
	}
	pid := daemonOn(t, "m")
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
}

// -f of mount(8) looks at everything and mounts nothing.
func TestHelperFake(t *testing.T) {
	dir := t.TempDir()
	if _, stderr, status := runBinary(t, asHelper, "src", dir, "-f"); status != exitOK || mountedAt(dir) != "" {
		t.Errorf("exit status %d, %s, mounted: %q", status, stderr, mountedAt(dir))
	}
}

// A starter that is interrupted says so by its exit status, and the daemon does not go on. A fusermount3 that hangs is what makes
// this mount take its time.
func TestInterrupted(t *testing.T) {
	needFuse(t)
	user := asNobody(t)
	dir := ownedByNobody(t)
	bin := filepath.Join(dir, "bin")
	script := "#!/bin/sh\necho $$ > " + dir + "/hangs\nexec sleep 600\n"
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "fusermount3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	makeFuse(t, filepath.Join(dir, "fuse"))
	for _, mode := range []string{"--background", "--foreground"} {
		os.Remove(filepath.Join(dir, "hangs"))
		cmd := exec.Command("/bin/sh", "-ec", `mount --bind "$0/fuse" /dev/fuse
PATH=$0/bin:$PATH exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`, dir, binary, mode, dir)
		user(cmd)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		c, err := startChild(cmd, "")
		if err != nil {
			t.Fatal(err)
		}
		var hung int
		testenv.Eventually(t, "fusermount3 to hang", func() bool {
			text, _ := os.ReadFile(filepath.Join(dir, "hangs"))
			n, _ := fmt.Sscanln(string(text), &hung)
			return n == 1
		})
		// Its mount namespace has a copy of every mount there was, which would not end before it does.
		defer syscall.Kill(hung, syscall.SIGKILL)
		_ = syscall.Kill(c.cmd.Process.Pid, syscall.SIGINT)
		if !c.wait(testenv.Patience) {
			t.Fatal("the signal does not end it")
		}
		if got := c.cmd.ProcessState.ExitCode(); got != exitInterrupt || strings.Count(c.said.String(), "before the mount was there") != 1 {
			t.Errorf("%s: exit status %d, %s", mode, got, c.said)
		}
	}
}

// The service manager hears when the mount answers, and that the end may take a while.
func TestNotify(t *testing.T) {
	needFuse(t)
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	if err := manager.SetReadDeadline(time.Now().Add(testenv.Patience)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(binary, dir, "-o", "grace=7s")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+path)
	c := launch(t, cmd, "msg=mounted", dir)
	hear := func() string {
		b := make([]byte, 4096)
		n, err := manager.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	if got := hear(); !strings.HasPrefix(got, "READY=1\nSTATUS=mounted on "+dir+", engine ") {
		t.Errorf("at the start: %q", got)
	}
	c.signal(syscall.SIGTERM)
	if got := hear(); !strings.HasPrefix(got, "STOPPING=1\nSTATUS=") || !strings.HasSuffix(got, "EXTEND_TIMEOUT_USEC=17000000") {
		t.Errorf("at the end: %q", got)
	}
	ends(t, c, dir, exitOK)
}
