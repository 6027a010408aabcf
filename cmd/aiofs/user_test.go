package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

const nobody = 65534

// asNobody lets a child run as a user without rights.
func asNobody(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	return func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Dir = "/"
	}
}

// ownedByNobody is a directory of that user's.
func ownedByNobody(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chown(d, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// makeFuse makes a /dev/fuse as distributions ship it, which every user may open.
func makeFuse(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mknod(path, unix.S_IFCHR, int(unix.Mkdev(10, 229))); err != nil {
		t.Skipf("no device can be made here: %v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
}

// oneSentence checks that a failure is said in one line.
func oneSentence(t *testing.T, stderr string, status int, want string) {
	t.Helper()
	var said []string
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "aiofs: ") {
			said = append(said, line)
		} else if !strings.HasPrefix(line, "time=") {
			t.Errorf("stderr has %q", line)
		}
	}
	if status != exitMount || len(said) != 1 || !strings.Contains(said[0], want) {
		t.Errorf("exit status %d, stderr %q; want %d and one sentence with %q", status, stderr, exitMount, want)
	}
}

func TestUserWithoutDevFuse(t *testing.T) {
	user := asNobody(t)
	if info, err := os.Stat("/dev/fuse"); err != nil || info.Mode().Perm()&0o006 == 0o006 {
		t.Skip("every user may open /dev/fuse here")
	}
	dir := ownedByNobody(t)
	_, stderr, status := runBinary(t, user, dir)
	oneSentence(t, stderr, status, "may not open /dev/fuse")
	_, stderr, status = runBinary(t, func(cmd *exec.Cmd) {
		user(cmd)
		inTmp(dir)(cmd)
	}, "demo")
	oneSentence(t, stderr, status, "may not open /dev/fuse")
}

// An empty root with a /dev/fuse that every user may open has no fusermount3.
func TestUserWithoutFusermount(t *testing.T) {
	user := asNobody(t)
	root := ownedByNobody(t)
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(root, "aiofs"), program, 0o755),
		os.Mkdir(filepath.Join(root, "dev"), 0o755),
		os.Mkdir(filepath.Join(root, "mnt"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	makeFuse(t, filepath.Join(root, "dev/fuse"))
	_, stderr, status := runBinary(t, func(cmd *exec.Cmd) {
		user(cmd)
		cmd.SysProcAttr.Chroot, cmd.Path = root, "/aiofs"
	}, "/mnt")
	oneSentence(t, stderr, status, "fusermount3 is not installed")
}

// In a mount namespace of its own the user finds a /dev/fuse as distributions ship it.
func TestDefaultMountpointOfUser(t *testing.T) {
	needFuse(t)
	asNobody(t)
	if fusermount() == "" {
		t.Skip("no fusermount3")
	}
	runtimeDir := ownedByNobody(t)
	makeFuse(t, filepath.Join(runtimeDir, "fuse"))
	dir := filepath.Join(runtimeDir, "aiofs")
	cmd := exec.Command("/bin/sh", "-ec", `mount --bind "$XDG_RUNTIME_DIR/fuse" /dev/fuse
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0"`, binary)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + runtimeDir}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	c := launch(t, cmd, "msg=mounted on="+dir, dir)
	c.signal(syscall.SIGTERM)
	ends(t, c, dir, exitOK)
}

func TestUserWithoutRuntimeDir(t *testing.T) {
	user := asNobody(t)
	_, stderr, status := runBinary(t, func(cmd *exec.Cmd) {
		user(cmd)
		cmd.Env = []string{"PATH=/bin"}
	})
	if status != exitUsage || !strings.Contains(stderr, "XDG_RUNTIME_DIR is not set") {
		t.Errorf("exit status %d, stderr %q", status, stderr)
	}
}

// A user may mount with allow_other only where /etc/fuse.conf says so, even one who could take the rights of others.
func TestUserAllowOther(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "fuse.conf")
	for text, ok := range map[string]bool{"": false, "#user_allow_other\n": false, "mount_max = 5\n user_allow_other \n": true} {
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := mayAllowOther(nobody, conf); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := mayAllowOther(nobody, conf+"-not"); err == nil || !strings.Contains(err.Error(), "add that line") {
		t.Errorf("without a file: %v", err)
	}
	if err := mayAllowOther(0, conf+"-not"); err != nil {
		t.Errorf("root: %v", err)
	}
}

// A user mounts, uses and unmounts with no root anywhere: the script runs as nobody, who finds a /dev/fuse as distributions ship it.
func TestUserMountsInBackground(t *testing.T) {
	needFuse(t)
	asNobody(t)
	needTool(t, "fusermount3", "setpriv", "unshare")
	dir := ownedByNobody(t)
	makeFuse(t, filepath.Join(dir, "fuse"))
	if err := os.Mkdir(filepath.Join(dir, "m"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, "m"), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "/bin/sh", "-ec", `mount --bind "$1/fuse" /dev/fuse
exec setpriv --reuid 65534 --regid 65534 --clear-groups /bin/sh -ec '"$0" src "$1"/m; cd "$1"/m/ctx; mkdir 1
echo noop > 1/submit; cut -d " " -f 1-3 1/events; findmnt -n -o SOURCE,FSTYPE "$1"/m; cd /; fusermount3 -u "$1"/m; ls "$1"/m' "$0" "$1"`, binary, dir)
	cmd.WaitDelay = testenv.Patience / 6
	out, err := cmd.CombinedOutput()
	if got := strings.Join(strings.Fields(withoutLogNote(string(out))), " "); err != nil || got != "1 0 - src fuse.aiofs" {
		t.Errorf("%v, %s", err, out)
	}
}
