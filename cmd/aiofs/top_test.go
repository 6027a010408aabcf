package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/cmd/aiofs/top"
	"github.com/aiofs/aiofs/ring/testenv"
)

func TestTopOnce(t *testing.T) {
	pipe := emptyPipe(t)
	_, dir := mountBinary(t)
	inFlight(t, dir, pipe)
	stdout, stderr, status := runBinary(t, nil, "top", dir, "--once", "--json", "--interval", "10ms")
	var r top.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || status != exitOK {
		t.Fatalf("exit status %d, %v: %s%s", status, err, stdout, stderr)
	}
	if len(r.Contexts) != 1 || r.Contexts[0].Ctx != 1 || r.Contexts[0].InFlight != 1 || r.Contexts[0].UID != uint32(os.Geteuid()) || r.Mount != dir {
		t.Errorf("%s", stdout)
	}
	stdout, _, status = runBinary(t, nil, "top", "--interval", "10ms", "--once", dir)
	if lines := strings.Split(stdout, "\n"); status != exitOK || len(lines) != 4 || !strings.HasPrefix(lines[0], "aiofs "+dir+": 1 contexts, ") {
		t.Errorf("exit status %d, %q", status, stdout)
	}
}

func TestTopRefuses(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"top", t.TempDir(), "--once"}, exitSystem, "no aiofs is mounted on"},
		{[]string{"top", "/a", "/b"}, exitUsage, "more than one mountpoint"},
		{[]string{"top", "/"}, exitUsage, "top needs a terminal"},
	} {
		if _, stderr, status := runBinary(t, nil, tt.args...); status != tt.status || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q: exit status %d, %s", tt.args, status, stderr)
		}
	}
}

// pty is a terminal whose other end is the program.
type pty struct {
	*os.File
	slave *os.File

	mu   sync.Mutex
	seen strings.Builder // guarded by mu
}

func openPty(t *testing.T) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		testenv.Lacks(t, "%v", err)
	}
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		testenv.Lacks(t, "%v", err)
	}
	t.Cleanup(func() { slave.Close() })
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 20, Col: 150}); err != nil {
		t.Fatal(err)
	}
	return &pty{File: master, slave: slave}
}

// watch keeps what the program shows, until the terminal is closed.
func (p *pty) watch() {
	b := make([]byte, 4096)
	for {
		n, err := p.Read(b)
		p.mu.Lock()
		p.seen.Write(b[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *pty) shows(t *testing.T, text string) {
	t.Helper()
	testenv.Eventually(t, "showing "+text, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return strings.Contains(p.seen.String(), text)
	})
}

func (p *pty) termios(t *testing.T) unix.Termios {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

// On a terminal top shows the contexts, what one has in flight, and leaves the terminal as it was, by q or by a signal.
func TestTopOnTerminal(t *testing.T) {
	pipe := emptyPipe(t)
	_, dir := mountBinary(t)
	inFlight(t, dir, pipe)
	for _, quit := range []string{"q", "\x03", "SIGTERM"} {
		p := openPty(t)
		before := p.termios(t)
		cmd := exec.Command(binary, "top", dir, "--interval", "20ms")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, p.slave
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go p.watch() // ends with p
		p.shows(t, "aiofs "+dir+": 1 contexts, ")
		p.WriteString("n\r")
		p.shows(t, "context 1: 1 in flight, the oldest first")
		p.shows(t, "file=path off=0 len=1 state=io "+pipe)
		p.WriteString("\r")
		p.shows(t, "by number | sort: ")
		if quit == "SIGTERM" {
			cmd.Process.Signal(syscall.SIGTERM)
		} else {
			p.WriteString(quit)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %q: %v", quit, err)
		}
		p.shows(t, "\x1b[?25h\x1b[?1049l")
		if p.termios(t) != before {
			t.Errorf("after %q the terminal is not as it was", quit)
		}
		p.slave.Close()
		p.Close()
	}
}

// A mount that goes while top looks at it ends top, and its terminal is as before.
func TestTopOfMountThatGoes(t *testing.T) {
	c, dir := mountBinary(t)
	p := openPty(t)
	before := p.termios(t)
	cmd := exec.Command(binary, "top", dir, "--interval", "20ms")
	cmd.Stdin, cmd.Stdout = p.slave, p.slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.watch() // ends with p
	p.shows(t, "aiofs "+dir+": 0 contexts, ")
	c.signal(syscall.SIGTERM)
	ends(t, c, dir, exitOK)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitSystem {
		t.Errorf("top ended by %v", err)
	}
	if p.termios(t) != before {
		t.Error("the terminal is not as it was")
	}
}

// What another user has is counted and not shown.
func TestTopHidesOthers(t *testing.T) {
	user := asNobody(t)
	_, dir := mountBinary(t, "-o", "allow_other")
	for d := dir; d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil && d != dir {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "ctx/5"), 0o700); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := runBinary(t, user, "top", dir, "--once", "--interval", "10ms")
	if status != exitOK || !strings.HasPrefix(stdout, "aiofs "+dir+": 0 contexts, ") || !strings.Contains(stdout, "; 1 contexts of other users\n") {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
}
