package fsnode

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

func TestEndsCall(t *testing.T) {
	const status = "Name:\tcat\nState:\tD (disk sleep)\nSigQ:\t0/1\nSigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\n"
	set := func(field string, signals ...syscall.Signal) string {
		var bits uint64
		for _, s := range signals {
			bits |= 1 << (s - 1)
		}
		return strings.Replace(status, field+"\t0\n", fmt.Sprintf("%s\t%016x\n", field, bits), 1)
	}
	for _, c := range []struct {
		name, status string
		want         bool
	}{
		{"nothing pending", status, false},
		{"SIGCHLD", set("ShdPnd:", syscall.SIGCHLD), false},
		{"SIGURG to the thread", set("SigPnd:", syscall.SIGURG), false},
		{"all four", set("ShdPnd:", syscall.SIGCHLD, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCONT), false},
		{"SIGINT", set("ShdPnd:", syscall.SIGINT), true},
		{"SIGCHLD and SIGTERM", set("ShdPnd:", syscall.SIGCHLD, syscall.SIGTERM), true},
		{"SIGKILL", set("SigPnd:", syscall.SIGKILL), true},
		{"SIGTSTP", set("ShdPnd:", syscall.SIGTSTP), true},
		{"a real-time signal", set("ShdPnd:", 64), true},
		{"a blocked one is not the reason", strings.Replace(set("ShdPnd:", syscall.SIGUSR1), "SigBlk:\t0", "SigBlk:\t200", 1), false},
		{"on the way to sleep", strings.Replace(status, "D (disk sleep)", "R (running)", 1), false},
		{"no longer in the call", strings.Replace(status, "D (disk sleep)", "S (sleeping)", 1), true},
		{"dying", strings.Replace(status, "D (disk sleep)", "Z (zombie)", 1), true},
		{"no status", "", true},
	} {
		if got := endsCall([]byte(c.status)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestInvisibleCallerIsInterrupted(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range map[string]int{"outside the pid namespace": 0, "vanished": gone.Process.Pid} {
		if !interruptOf(&fuse.Context{Caller: fuse.Caller{Pid: uint32(pid)}}).Pending() {
			t.Errorf("%s: goes on waiting", name)
		}
	}
}

// That the daemon is short of descriptors ends nobody's call.
func TestInterruptWithoutDescriptors(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	if interruptOf(&fuse.Context{Caller: fuse.Caller{Pid: uint32(os.Getpid())}}).Pending() {
		t.Error("a call ends whose caller cannot be looked at")
	}
}

// A waiting read goes on through SIGCHLD and the like. The client is known to have got one when it no longer can be interrupted.
func TestHarmlessSignals(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	submit := open(t, dir+"/submit", unix.O_WRONLY)
	for _, s := range []syscall.Signal{syscall.SIGCHLD, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCONT} {
		c := m.goClient(t, "read-once", dir+"/events")
		c.waitsIn(unix.SYS_READ, "events")
		c.signal(s)
		testenv.Eventually(t, "INTERRUPT is sent", func() bool { return !strings.HasPrefix(state(c.cmd.Process.Pid), "S") })
		afterInterrupts(dir)
		if !c.running() {
			t.Errorf("%v: ended by it: %s", s, &c.stdout)
			continue
		}
		unix.Write(submit, []byte("noop tag=9\n"))
		if got := c.wait(); !strings.HasPrefix(got, "9 0 - ") {
			t.Errorf("%v: %q", s, got)
		}
	}
}

// Any other signal ends the wait, also one that comes after a harmless one, of which alone the kernel tells.
func TestOtherSignals(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "1")
	open(t, dir+"/submit", unix.O_WRONLY)
	for _, signals := range [][]syscall.Signal{{syscall.SIGUSR1}, {syscall.SIGCHLD, syscall.SIGUSR1}} {
		c := m.goClient(t, "read-once", dir+"/events")
		c.waitsIn(unix.SYS_READ, "events")
		for _, s := range signals {
			c.signal(s)
			testenv.Eventually(t, "INTERRUPT is sent", func() bool { return !strings.HasPrefix(state(c.cmd.Process.Pid), "S") })
		}
		if got := c.wait(); got != "true interrupted system call\n" {
			t.Errorf("%v: %q", signals, got)
		}
	}
}

// A background child that ends interrupts nobody: bash's echo would not retry.
func TestShellWithBackgroundChild(t *testing.T) {
	for _, shell := range shells(t) {
		m := newMount(t)
		dir := fullContext(t, m)
		fifo := t.TempDir() + "/fifo"
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		end := open(t, fifo, unix.O_RDWR)
		c := m.sh(t, shell, `read -r _ <`+fifo+` & echo $! >`+fifo+`.pid; echo noop >ctx/1/submit && echo done`)
		c.waitsIn(unix.SYS_WRITE, "submit")
		child, err := strconv.Atoi(strings.TrimSpace(read(t, fifo+".pid")))
		if err != nil {
			t.Fatal(err)
		}
		unix.Write(end, []byte("\n"))
		testenv.Eventually(t, "the child ends", func() bool { s := state(child); return s == "" || s[0] == 'Z' })
		afterInterrupts(dir)
		takeEvent(t, dir)
		if got := c.wait(); got != "done\n" {
			t.Errorf("%s: %q", shell, got)
		}
	}
}

// A signal to the process, not to the thread that waits, stands in another set of /proc/TID/status. (dash retries its writes.)
func TestSignalToTheProcess(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	m := newMount(t)
	fullContext(t, m)
	c := m.sh(t, bash, `trap : USR1; echo noop >ctx/1/submit || echo interrupted`)
	c.waitsIn(unix.SYS_WRITE, "submit")
	if err := syscall.Kill(c.cmd.Process.Pid, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if got, errs, _ := c.result(); got != "interrupted\n" || !strings.Contains(errs, "Interrupted system call") {
		t.Errorf("%q %q", got, errs)
	}
}

// afterInterrupts returns when the daemon has most likely been told of every INTERRUPT sent so far: the kernel hands them out before any
// other request.
func afterInterrupts(dir string) {
	for range 20 {
		os.ReadFile(dir + "/stat")
	}
}

// SIGKILL ends a wait as well: the process cannot go before its request is answered.
func TestKilledClients(t *testing.T) {
	m := newMount(t)
	fullContext(t, m)
	if err := os.Mkdir(m.path("ctx/2"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		script, file string
		call         int
	}{
		{`exec cat ctx/2/events`, "events", unix.SYS_READ},
		{`echo noop >ctx/1/submit`, "submit", unix.SYS_WRITE},
	} {
		client := m.sh(t, "sh", c.script)
		client.waitsIn(c.call, c.file)
		client.signal(syscall.SIGKILL)
		if _, _, ok := client.result(); ok {
			t.Errorf("%s: ended well", c.script)
		}
	}
}
