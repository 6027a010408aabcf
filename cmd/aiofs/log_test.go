package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

func TestJournalLines(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(journalHandler(&b, slog.LevelInfo)).With("a", 1)
	log.Debug("unseen")
	log.Info("one", "x", "y z")
	log.WithGroup("g").Warn("two", "level", 3)
	log.Error("three")
	const want = "<6>msg=one a=1 x=\"y z\"\n<4>msg=two a=1 g.level=3\n<3>msg=three a=1\n"
	if b.String() != want {
		t.Errorf("%q, want %q", &b, want)
	}
	b.Reset()
	slog.New(journalHandler(&b, slog.LevelDebug)).Debug("seen")
	if b.String() != "<7>msg=seen\n" {
		t.Errorf("%q", &b)
	}
}

// Where standard error is the journal's, the log has priorities, and stays there in the background.
func TestJournal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	_, pid, _ := inBackground(t, func(cmd *exec.Cmd) {
		cmd.Stderr = file
		cmd.Env = append(os.Environ(), fmt.Sprintf("JOURNAL_STREAM=%d:%d", st.Dev, st.Ino))
	}, "src", "DIR")
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "<6>msg=") {
			t.Errorf("%q", line)
		}
	}
	if !strings.Contains(string(text), "<6>msg=ended\n") {
		t.Errorf("the end is not logged in the journal: %s", text)
	}
}

// In the background lines go to syslog: here to a socket that lies where /dev/log is for the daemon.
func TestSyslog(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a /dev/log of its own")
	}
	needFuse(t)
	needTool(t, "unshare")
	dir := emptyDir(t)
	path := filepath.Join(t.TempDir(), "log")
	log, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.SetReadDeadline(time.Now().Add(testenv.Patience)); err != nil {
		t.Fatal(err)
	}
	// On a tmpfs in the place of /dev, which the kernel's log socket is part of.
	script := `mount -t tmpfs none "$2"; touch "$2/log" "$2/fuse" "$2/null"
mount --bind /dev/fuse "$2/fuse"; mount --bind /dev/null "$2/null"; mount --bind "$1" "$2/log"; mount --move "$2" /dev
mkdir /dev/m; "$0" src /dev/m; umount /dev/m`
	cmd := exec.Command("unshare", "-m", "/bin/sh", "-ec", script, binary, path, dir)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v, %s", err, out)
	}
	for said := ""; !strings.Contains(said, "msg=ended"); {
		b := make([]byte, 4096)
		n, err := log.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if said = string(b[:n]); !strings.HasPrefix(said, "<30>") || !strings.Contains(said, " aiofs[") || strings.Contains(said, "level=") {
			t.Errorf("%q", said)
		}
	}
}

func TestHolders(t *testing.T) {
	dir := t.TempDir()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	sleeper := exec.Command("sleep", "600")
	sleeper.Dir = dir
	if err := sleeper.Start(); err != nil {
		t.Skip(err)
	}
	defer func() {
		sleeper.Process.Kill()
		sleeper.Wait()
	}()
	want := fmt.Sprintf("%d (sleep): its working directory is %s", sleeper.Process.Pid, dir)
	testenv.Eventually(t, want, func() bool { return strings.Contains(strings.Join(holders(st.Dev), "\n"), want) })
	for _, who := range holders(st.Dev) {
		if strings.HasPrefix(who, fmt.Sprintf("%d ", os.Getpid())) {
			t.Errorf("this process is among the holders: %s", who)
		}
	}
	if got := holders(1 << 40); len(got) > 0 {
		t.Errorf("of no device: %q", got)
	}
}
