package rights

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A daemon is root's, on a mount for all users.
type daemon struct {
	*testing.T
	dir  string // where it is mounted
	work string // a directory where every user may write
	proc *harness.Process
}

// eachEngine runs test on a mount with either engine.
func eachEngine(t *testing.T, opts string, test func(d *daemon)) {
	for _, engine := range []string{"threads", "uring"} {
		t.Run(engine, func(t *testing.T) { test(mount(t, "engine="+engine+opts)) })
	}
}

// mount starts a daemon, which ends in order when the test does. before are words of a command that starts it.
func mount(t *testing.T, opts string, before ...string) *daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		testenv.Lacks(t, "needs root")
	}
	testenv.NeedFuse(t)
	base := t.TempDir()
	d := &daemon{T: t, dir: filepath.Join(base, "mnt"), work: filepath.Join(base, "work")}
	for dir, mode := range map[string]os.FileMode{d.dir: 0o755, d.work: 0o777 | os.ModeSticky} {
		d.check(os.Mkdir(dir, 0o755))
		d.check(os.Chmod(dir, mode))
	}
	d.check(os.Chmod(filepath.Dir(base), 0o755)) // every user may pass
	args := append(before, harness.Program, d.dir, "-o", "allow_other,"+opts)
	d.proc = harness.Start(t, exec.Command(args[0], args[1:]...))
	d.proc.Mounts(t)
	t.Cleanup(d.end)
	return d
}

// end ends the daemon, which must not have left anything, nor complained.
func (d *daemon) end() {
	d.proc.Signal(syscall.SIGTERM)
	if !d.proc.Ends(testenv.Patience) {
		harness.Abort(d.dir)
		d.Fatal("the daemon does not end")
	}
	d.proc.Ended(d, d.dir, 0)
	said := d.proc.Said.String()
	if strings.Contains(said, "left") {
		d.Error("the daemon has left something")
	}
	if d.Failed() {
		d.Logf("the daemon said: %s", harness.Tail(said))
	}
}

func (d *daemon) check(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// file makes a file of a user's.
func (d *daemon) file(name string, uid int, mode os.FileMode, content string) string {
	d.Helper()
	path := filepath.Join(d.work, name)
	d.check(os.WriteFile(path, []byte(content), 0o600))
	d.check(os.Chown(path, uid, uid))
	d.check(os.Chmod(path, mode))
	return path
}

// prelude is what every script begins with: a context of its own as $c, and a way to do one request.
const prelude = `
exec 9<$M/ctx/new && read -r n <&9 && c=$M/ctx/$n || exit 1
req() { echo "$*" > $c/submit && cut -d' ' -f2,3 $c/events; }
cd $W
`

// sh runs a script as a user, and returns what it says.
func (d *daemon) sh(uid int, script string) string {
	d.Helper()
	return d.run(uid, "bash", "-c", prelude+script)
}

// want fails the test unless a user's script says so.
func (d *daemon) want(uid int, script, want string) {
	d.Helper()
	if got := d.sh(uid, script); strings.TrimSpace(got) != strings.TrimSpace(want) {
		d.Errorf("uid %d: %s\nsays:\n%s\nwant:\n%s", uid, strings.TrimSpace(script), got, want)
	}
}

// run runs a command as a user, and returns what it says, whatever its exit status.
func (d *daemon) run(uid int, args ...string) string {
	d.Helper()
	return d.says(d.command(uid, args...))
}

// says runs cmd to its end, and returns what it says. For one that takes too long the mount is aborted, without which it may be beyond
// killing.
func (d *daemon) says(cmd *exec.Cmd) string {
	d.Helper()
	p := harness.Start(d, cmd)
	if !p.Ends(testenv.Patience) {
		harness.Abort(d.dir)
		d.Fatalf("%v: still there after %v: %s", cmd, testenv.Patience, p.Said)
	}
	if !cmd.ProcessState.Exited() {
		return fmt.Sprintf("%s(%v)", p.Said, cmd.ProcessState)
	}
	return p.Said.String()
}

// begin starts a command as a user, and waits until it has said text and so waits for the end of its standard input: finish is that end, and
// returns all that it says.
func (d *daemon) begin(uid int, text string, args ...string) (finish func() string) {
	d.Helper()
	cmd := d.command(uid, args...)
	in, err := cmd.StdinPipe()
	d.check(err)
	p := harness.Start(d, cmd)
	p.Says(d, text)
	return func() string {
		d.Helper()
		in.Close()
		if !p.Ends(testenv.Patience) {
			d.Fatalf("%v: still there after %v: %s", cmd, testenv.Patience, p.Said)
		}
		return p.Said.String()
	}
}

func (d *daemon) command(uid int, args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C", "M="+d.dir, "W="+d.work, fmt.Sprintf("D=%d", d.proc.Pid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	return cmd
}

// role runs one of roles as a user, from a copy of this program that every user may run.
func (d *daemon) role(uid int, name string, args ...string) string {
	d.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	d.check(err)
	program := filepath.Join(d.work, "roles")
	d.check(os.WriteFile(program, self, 0o755))
	cmd := d.command(uid, append([]string{program}, args...)...)
	cmd.Env = append(cmd.Env, harness.RoleEnv+"="+name)
	return d.says(cmd)
}
