package rights

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patient is how long a test waits for what has to happen. Only what hangs takes so long, on whatever machine.
const patient = 60 * time.Second

// A daemon is root's, on a mount for all users.
type daemon struct {
	*testing.T
	dir  string // where it is mounted
	work string // a directory where every user may write
	cmd  *exec.Cmd
	said output
}

// output is what a process says while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
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
		lacks(t, "needs root")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		lacks(t, "nothing can be mounted here: %v", err)
	} else {
		f.Close()
	}
	base, err := os.MkdirTemp(workDir, "test-")
	d := &daemon{T: t, dir: filepath.Join(base, "mnt"), work: filepath.Join(base, "work")}
	for _, dir := range []string{d.dir, d.work} {
		d.check(err)
		err = os.Mkdir(dir, 0o755)
	}
	d.check(err)
	d.check(os.Chmod(base, 0o755))
	d.check(os.Chmod(d.work, 0o1777))
	args := append(before, program, d.dir, "-o", "allow_other,"+opts)
	d.cmd = exec.Command(args[0], args[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = &d.said, &d.said
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.check(d.cmd.Start())
	ended := make(chan struct{})
	go func() {
		d.cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() { d.end(ended) })
	d.eventually("being mounted", func() bool {
		select {
		case <-ended:
			if strings.Contains(d.said.String(), "engine=uring cannot be had") {
				lacks(t, "%s", d.said.String())
			}
			t.Fatalf("the daemon has ended: %s", d.said.String())
		default:
		}
		return strings.Contains(d.said.String(), "msg=mounted")
	})
	return d
}

// end ends the daemon, which must not have left anything, nor complained.
func (d *daemon) end(ended chan struct{}) {
	d.cmd.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(patient)
	defer late.Stop()
	select {
	case <-ended:
	case <-late.C:
		d.Error("the daemon does not end")
		d.cmd.Process.Kill()
		syscall.Unmount(d.dir, syscall.MNT_FORCE)
		syscall.Unmount(d.dir, syscall.MNT_DETACH)
		<-ended
	}
	said := d.said.String()
	if !d.cmd.ProcessState.Success() || strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic") || strings.Contains(said, "left") {
		d.Errorf("%v; the daemon said: %s", d.cmd.ProcessState, said)
	} else if d.Failed() {
		d.Logf("the daemon said: %s", said)
	}
}

func (d *daemon) check(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *daemon) eventually(what string, cond func() bool) {
	d.Helper()
	tick, late := time.NewTicker(2*time.Millisecond), time.NewTimer(patient)
	defer tick.Stop()
	defer late.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-late.C:
			d.Fatalf("in vain: %s", what)
		}
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
	cmd, stop := d.command(uid, args...)
	defer stop()
	return said(cmd)
}

func said(cmd *exec.Cmd) string {
	out, err := cmd.CombinedOutput()
	if err != nil && (cmd.ProcessState == nil || !cmd.ProcessState.Exited()) {
		return fmt.Sprintf("%s(%v)", out, err)
	}
	return string(out)
}

// command is a command that a user runs; stop ends it.
func (d *daemon) command(uid int, args ...string) (cmd *exec.Cmd, stop context.CancelFunc) {
	ctx, stop := context.WithTimeout(context.Background(), patient)
	cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C", "M="+d.dir, "W="+d.work, fmt.Sprintf("D=%d", d.cmd.Process.Pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}, Pdeathsig: syscall.SIGKILL,
	}
	return cmd, stop
}

// role runs one of roles as a user.
func (d *daemon) role(uid int, name string, args ...string) string {
	d.Helper()
	cmd, stop := d.command(uid, append([]string{filepath.Join(workDir, "roles")}, args...)...)
	defer stop()
	cmd.Env = append(cmd.Env, roleEnv+"="+name)
	return said(cmd)
}
