package integration

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ioctx/engine/uring"
	"github.com/aiofs/aiofs/ioctx/engine/uring/uringtest"
)

func init() { roles["denied"] = withoutURing }

// withoutURing executes args[1:] where io_uring_setup fails with the errno args[0].
func withoutURing(args []string) error {
	errno, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if err := uringtest.Deny(syscall.Errno(errno)); err != nil {
		return err
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}

// denied is a command that has others executed so.
func denied(t *testing.T, errno syscall.Errno) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"env", harness.RoleEnv + "=denied", self, strconv.Itoa(int(errno))}
}

// engineIs fails the test unless the log says in one line which engine was taken and why, and a context's stat that it is that.
func (d *daemon) engineIs(name, why string) {
	d.t.Helper()
	var lines []string
	for line := range strings.Lines(d.proc.Said.String()) {
		if strings.Contains(line, "msg=engine") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "msg=engine is="+name+" why=") || !strings.Contains(lines[0], why) {
		d.t.Errorf("the log says of the engine %q, want once %s and %q", lines, name, why)
	}
	c := d.mkdir("1")
	d.put("noop tag=5\n", c, "submit")
	if got := d.get(c, "events"); !strings.HasPrefix(got, "5 0 - ") {
		d.t.Errorf("a noop ends with %q", got)
	}
	if got := d.get(c, "stat"); !strings.Contains("\n"+got, "\nengine "+name+"\n") {
		d.t.Errorf("stat does not say that the engine is %s:\n%s", name, got)
	}
}

// Left to itself the daemon takes io_uring, and threads where a container's filter denies that: it says which, and why.
func TestEngineByItself(t *testing.T) {
	t.Run("offered", func(t *testing.T) {
		if err := uring.Probe(); err != nil {
			uringtest.Lacks(t, err.Error())
		}
		mount(t, "engine=auto").engineIs("uring", "the kernel offers all it needs")
	})
	for errno, why := range map[syscall.Errno]string{
		syscall.EPERM:  "operation not permitted: a seccomp filter or a security module forbids it",
		syscall.ENOSYS: "function not implemented: the kernel has no io_uring, or a seccomp filter hides it",
	} {
		t.Run(errno.Error(), func(t *testing.T) {
			mountBy(t, denied(t, errno), "engine=auto").engineIs("threads", why)
		})
	}
}

// An engine that is asked for by name is not replaced by another.
func TestEngineThatIsDenied(t *testing.T) {
	d := mount(t, "engine=threads")
	words := append(denied(t, syscall.EPERM), harness.Program, d.work, "-o", "engine=uring")
	r := d.run(exec.Command(words[0], words[1:]...))
	if r.status != 2 || !strings.Contains(r.stderr, "aiofs: engine=uring cannot be had: ") || !strings.Contains(r.stderr, "engine=threads works everywhere") {
		t.Errorf("exit status %d, it said: %s", r.status, r.stderr)
	}
	if harness.Mounted(d.work) {
		t.Error("it has mounted all the same")
	}
}
