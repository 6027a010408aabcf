package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

func TestSignalEnds(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			c, dir := mountBinary(t)
			c.signal(sig)
			ends(t, c, dir, exitOK)
		})
	}
}

func TestUmountEnds(t *testing.T) {
	c, dir := mountBinary(t)
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Skipf("umount needs root: %v", err)
	}
	ends(t, c, dir, exitOK)
	if !strings.Contains(c.said.String(), "unmounted from outside") {
		t.Error("the log does not say why it ended")
	}
}

func TestFusermountEnds(t *testing.T) {
	if fusermount() == "" {
		t.Skip("no fusermount3")
	}
	c, dir := mountBinary(t)
	if out, err := exec.Command(fusermount(), "-u", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ends(t, c, dir, exitOK)
}

// A program that has a file of the mount open makes it busy: it is taken out of the tree all the same.
func TestBusyMountIsDetached(t *testing.T) {
	c, dir := mountBinary(t)
	f, err := os.Open(filepath.Join(dir, "aio-nr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c.signal(syscall.SIGTERM)
	ends(t, c, dir, exitOK)
	want := fmt.Sprintf("msg=\"in use\" by=\"%d (", os.Getpid())
	if got := c.said.String(); !strings.Contains(got, "the mount is in use") || !strings.Contains(got, want) || !strings.Contains(got, "aio-nr open") {
		t.Errorf("the log does not say that the mount was busy, or by whom:\n%s", got)
	}
}

// inFlight makes context 1 with a read of path in flight in it.
func inFlight(t *testing.T, dir, path string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "ctx/1"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, "pread len=1 keep=no "+path+"\n", dir, "ctx/1/submit")
	testenv.Eventually(t, "the read to be in flight", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "ctx/1/inflight"))
		return err == nil && strings.Contains(string(b), path)
	})
}

// emptyPipe is a FIFO that this process holds open at both ends.
func emptyPipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return path
}

func TestUmountWithReadsInFlight(t *testing.T) {
	pipe := emptyPipe(t)
	c, dir := mountBinary(t, "-o", "grace=10m")
	inFlight(t, dir, pipe)
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Skipf("umount needs root: %v", err)
	}
	ends(t, c, dir, exitOK)
	if strings.Contains(c.said.String(), "left in flight") {
		t.Error("a read that can be cancelled was left")
	}
}

func TestSignalWithReadsInFlight(t *testing.T) {
	pipe := emptyPipe(t)
	c, dir := mountBinary(t, "-o", "grace=10m")
	inFlight(t, dir, pipe)
	c.signal(syscall.SIGTERM)
	ends(t, c, dir, exitOK)
}

// What nothing can cancel is waited for up to grace, and then named in the log. The process can only be gone when the
// kernel lets go of its threads, so the test lets what hangs go in the end.
func TestGraceRunsOut(t *testing.T) {
	h, hung := hangOn(t)
	c, dir := mountBinary(t, "-o", "grace=50ms")
	inFlight(t, dir, filepath.Join(hung, "hung003"))
	says(t, h, "hung003 hangs") // before that the read could still be cancelled
	c.signal(syscall.SIGTERM)
	says(t, c, "left in flight")
	says(t, c, "hung003")
	says(t, c, "msg=ended")
	h.signal(syscall.SIGTERM)
	ends(t, c, dir, exitOK)
}

// A client that is in the mount when it is detached does not hang with the daemon's threads.
func TestAbortLetsClientsGo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to abort a FUSE connection")
	}
	for _, tt := range []struct {
		name, grace string
		signals     int
		last        string // what the daemon says last
		status      int
	}{
		{"grace runs out", "50ms", 1, "msg=ended", exitOK},
		{"second signal", "10m", 2, "ended at once by a second signal", exitSystem},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, hung := hangOn(t)
			c, dir := mountBinary(t, "-o", "grace="+tt.grace)
			inFlight(t, dir, filepath.Join(hung, "hung001"))
			says(t, h, "hung001 hangs")
			f, err := os.Open(filepath.Join(dir, "aio-nr"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for range tt.signals {
				c.signal(syscall.SIGTERM)
				says(t, c, "msg=ending")
			}
			says(t, c, tt.last)
			letGo(t, f)
			h.signal(syscall.SIGTERM)
			ends(t, c, dir, tt.status)
		})
	}
}

// letGo checks that a read of f fails, and does not hang.
func letGo(t *testing.T, f *os.File) {
	t.Helper()
	read := make(chan error, 1)
	go func() {
		_, err := f.ReadAt(make([]byte, 1), 0)
		read <- err
	}()
	select {
	case err := <-read:
		if !errors.Is(err, syscall.ENOTCONN) && !errors.Is(err, syscall.ECONNABORTED) {
			t.Errorf("read: %v", err)
		}
	case <-time.After(testenv.Patience):
		t.Error("a client hangs")
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	h, hung := hangOn(t)
	c, dir := mountBinary(t, "-o", "grace=10m")
	inFlight(t, dir, filepath.Join(hung, "hung000"))
	says(t, h, "hung000 hangs")
	c.signal(syscall.SIGTERM)
	says(t, c, "msg=ending")
	c.signal(syscall.SIGTERM)
	says(t, c, "ended at once by a second signal")
	h.signal(syscall.SIGTERM)
	ends(t, c, dir, exitSystem)
}

// A second daemon on the same directory would hide the first.
func TestMountTwice(t *testing.T) {
	_, dir := mountBinary(t)
	_, stderr, status := runBinary(t, nil, dir)
	if status != exitMount || !strings.Contains(stderr, "already mounted") {
		t.Errorf("exit status %d, stderr %q", status, stderr)
	}
}

// What a killed daemon leaves is cleared by the next start.
func TestDeadMountIsCleared(t *testing.T) {
	c, dir := mountBinary(t)
	c.signal(syscall.SIGKILL)
	if !c.wait(testenv.Patience) {
		t.Fatal("the daemon outlives SIGKILL")
	}
	if err := syscall.Statfs(dir, &syscall.Statfs_t{}); !errors.Is(err, syscall.ENOTCONN) {
		t.Fatalf("the dead mount says %v", err)
	}
	c = launch(t, exec.Command(binary, dir), "msg=mounted", dir)
	if got := c.said.String(); strings.Count(got, "cleared a mount whose daemon had died") != 1 {
		t.Errorf("the log does not say that it was cleared: %s", got)
	}
	c.signal(syscall.SIGTERM)
	ends(t, c, dir, exitOK) // nothing is mounted below it
}

// The limits of open files and of file sizes are raised, so that a starter's do not hit the users.
func TestLimitsRaised(t *testing.T) {
	needFuse(t)
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", `ulimit -S -n 64; ulimit -S -f 64; exec "$@"`, "sh", binary, dir)
	c := launch(t, cmd, "msg=mounted", dir)
	limits, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.cmd.Process.Pid), "limits"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		f := strings.Fields(line)
		if strings.HasPrefix(line, "Max open files") && f[3] != f[4] || strings.HasPrefix(line, "Max file size") && f[3] != f[4] {
			t.Errorf("not raised: %s", line)
		}
	}
}

func TestEngineIsLogged(t *testing.T) {
	for _, tt := range []struct{ option, want string }{
		{"engine=threads", `msg=engine is=threads why="asked for"`},
		{"engine=auto", "msg=engine is="},
	} {
		c, _ := mountBinary(t, "-o", tt.option)
		if got := c.said.String(); strings.Count(got, "msg=engine") != 1 || !strings.Contains(got, tt.want) {
			t.Errorf("%s: log %q, want one line with %q", tt.option, got, tt.want)
		}
	}
}

func TestOptionsReachTheMount(t *testing.T) {
	_, dir := mountBinary(t, "-o", "nr_events=7,max_nr=20,fsname=seven,noexec")
	if b, err := os.ReadFile(filepath.Join(dir, "aio-max-nr")); string(b) != "20\n" || err != nil {
		t.Errorf("aio-max-nr %q, %v", b, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "ctx/1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "aio-nr")); string(b) != "7\n" || err != nil {
		t.Errorf("aio-nr %q, %v", b, err)
	}
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil || !strings.Contains(string(table), "seven "+dir+" fuse.aiofs rw,nosuid,nodev,noexec,") {
		t.Errorf("no mount as asked for on %s, %v:\n%s", dir, err, table)
	}
}

func TestBadMountpoint(t *testing.T) {
	needFuse(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "not a directory", file + "-not": "no such file or directory"} {
		_, stderr, status := runBinary(t, nil, path)
		oneSentence(t, stderr, status, want)
	}
}
