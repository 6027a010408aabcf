package fsnode

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

const clientEnv = "AIOFS_TEST_CLIENT"

// client is a process that may block in the mount.
type client struct {
	t      *testing.T
	m      *testMount
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr bytes.Buffer
	ended  chan struct{}
}

// sh starts a shell in the mount. The shell changes directory by itself: a chdir of the test's own fork could deadlock, since
// the test serves the mount.
func (m *testMount) sh(t *testing.T, shell, script string) *client {
	t.Helper()
	return m.start(t, exec.Command(shell, "-c", `cd "$0" || exit; `+script, m.dir))
}

// goClient starts this test binary as the named client.
func (m *testMount) goClient(t *testing.T, name string, args ...string) *client {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), clientEnv+"="+name, "GORACE=atexit_sleep_ms=0")
	return m.start(t, cmd)
}

func (m *testMount) start(t *testing.T, cmd *exec.Cmd) *client {
	t.Helper()
	c := &client{t: t, m: m, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &c.stdout, &c.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		select {
		case <-c.ended:
		default:
			c.kill()
		}
	})
	return c
}

// kill ends a client that hangs: a request in the mount must be answered before its process can go.
func (c *client) kill() {
	c.m.abort()
	syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
}

// wait returns what the client has printed, and fails where it does not end or end well.
func (c *client) wait() string {
	c.t.Helper()
	out, errs, ok := c.result()
	if !ok {
		c.t.Fatalf("client failed: %s%s", out, errs)
	}
	return out
}

// result is what the client has printed, and whether it ended well.
func (c *client) result() (out, errs string, ok bool) {
	c.t.Helper()
	late := time.NewTimer(testenv.Patience)
	defer late.Stop()
	select {
	case <-c.ended:
	case <-late.C:
		c.kill()
		c.t.Fatalf("client hangs: %s%s", &c.stdout, &c.stderr)
	}
	return c.stdout.String(), c.stderr.String(), c.cmd.ProcessState.Success()
}

// running says whether the client has not ended.
func (c *client) running() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// waitsIn returns when the client's own process is in system call nr (SYS_READ, SYS_WRITE) on a file of this name in the mount.
func (c *client) waitsIn(nr int, name string) {
	c.t.Helper()
	c.pidWaitsIn(c.cmd.Process.Pid, nr, name)
}

// pidWaitsIn is waitsIn for a child of the client.
func (c *client) pidWaitsIn(pid, nr int, name string) {
	c.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", pid)
	testenv.Eventually(c.t, "the client waits in "+name, func() bool {
		b, _ := os.ReadFile(proc + "syscall")
		var got int
		var fd uint64
		if _, err := fmt.Sscanf(string(b), "%d 0x%x", &got, &fd); err != nil || got != nr {
			return !c.running()
		}
		target, _ := os.Readlink(proc + "fd/" + strconv.FormatUint(fd, 10))
		return strings.HasSuffix(strings.TrimSuffix(target, " (deleted)"), "/"+name)
	})
	if !c.running() {
		c.t.Fatalf("client ended: %s%s", &c.stdout, &c.stderr)
	}
}

// signal sends to the main thread. One sent to the process would go to another thread while the first has one pending, and then
// not be the waiting thread's concern.
func (c *client) signal(s syscall.Signal) {
	c.t.Helper()
	if err := unix.Tgkill(c.cmd.Process.Pid, c.cmd.Process.Pid, s); err != nil {
		c.t.Fatal(err)
	}
}

// state is what /proc says that the process does, such as "S (sleeping)".
func state(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return statusField(b, "State:")
}

// runClient is the other side of goClient.
func runClient(name string, args []string) int {
	time.AfterFunc(2*testenv.Patience, func() { os.Exit(2) }) // where the test has died before its cleanup
	switch name {
	case "read-once":
		return readOnce(args[0])
	case "read-and-stay":
		readOnce(args[0])
		syscall.Pause()
	case "os-read":
		return osRead(args[0])
	case "read-split":
		return readSplit(args[0])
	}
	fmt.Fprintln(os.Stderr, "no client", name)
	return 2
}

func init() {
	if os.Getenv(clientEnv) != "" {
		runtime.LockOSThread() // the main thread, to which the kernel gives a process's signals, is the one that waits
	}
}

// readOnce prints what one read(2) brought: text, or an errno.
func readOnce(path string) int {
	signal.Notify(make(chan os.Signal, 16), syscall.SIGCHLD, syscall.SIGUSR1, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGURG)
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	buf := make([]byte, 4096)
	n, err := syscall.Read(fd, buf)
	if err != nil {
		fmt.Println(err.(syscall.Errno) == syscall.EINTR, err)
		return 0
	}
	fmt.Print(string(buf[:n]))
	return 0
}

// osRead is what every Go program does: the runtime may set O_NONBLOCK on a descriptor that was opened without.
func osRead(path string) int {
	f, err := os.Open(path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	buf := make([]byte, 4096)
	n, err := f.Read(buf)
	fmt.Print(string(buf[:n]))
	if err != nil {
		fmt.Println(err)
	}
	return 0
}

// readSplit prints how many bytes one read(2) brought that the kernel must split: into 256 KiB that begin with a page.
func readSplit(path string) int {
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	buf, err := syscall.Mmap(-1, 0, 2*maxWrite, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(syscall.Read(fd, buf))
	return 0
}
