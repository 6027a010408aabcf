package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// binary is the real program, built once.
var binary string

// TestMain builds the program in a directory that every user may enter, and fails if a mount is left below it.
func TestMain(m *testing.M) {
	status := 1
	if err := inWorkDir(func() { status = testenv.Run(m, nil) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func inWorkDir(run func()) (err error) {
	dir, err := os.MkdirTemp("", "aiofs-test-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	os.Setenv("TMPDIR", dir)
	binary = filepath.Join(dir, "aiofs")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // static: a test runs it in an empty root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	run()
	for _, m := range mounts() {
		if strings.HasPrefix(m.path, dir) {
			err = errors.Join(err, fmt.Errorf("a test left a mount on %s", m.path), detachMount(m.path))
		}
	}
	return err
}

// needFuse ends a test where nothing can be mounted.
func needFuse(t *testing.T) {
	t.Helper()
	testenv.NeedFuse(t)
	if os.Geteuid() != 0 && fusermount() == "" {
		testenv.Lacks(t, "no fusermount3")
	}
}

// needTool ends a test where a program is not installed.
func needTool(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			testenv.Lacks(t, "%s is not installed", name)
		}
	}
}

// runBinary runs the program to its end.
func runBinary(t *testing.T, change func(*exec.Cmd), args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if change != nil {
		change(cmd)
	}
	cmd.WaitDelay = testenv.Patience / 6
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil || errors.Is(err, exec.ErrWaitDelay) {
		t.Fatal(err) // the latter: somebody has kept its output
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// mountBinary starts the program on a directory of its own and waits until it has mounted.
func mountBinary(t *testing.T, args ...string) (*child, string) {
	t.Helper()
	needFuse(t)
	dir := t.TempDir()
	return launch(t, exec.Command(binary, append([]string{dir}, args...)...), "msg=mounted", dir), dir
}

// hangOn starts the file system whose reads hang until the child gets a signal.
func hangOn(t *testing.T) (*child, string) {
	t.Helper()
	needFuse(t)
	dir := t.TempDir()
	return launch(t, exec.Command(binary, hangCommand, dir, "8"), "mounted\n", dir), dir
}

// launch starts a program that mounts on dir, waits until it is ready, and sees to it that nothing of it outlives the test.
func launch(t *testing.T, cmd *exec.Cmd, ready, dir string) *child {
	t.Helper()
	c, err := startChild(cmd, ready)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.signal(syscall.SIGKILL)
		if mountedAt(dir) != "" {
			_ = detachMount(dir) // TestMain looks for what is left
		}
		if !c.wait(testenv.Patience) {
			t.Errorf("%v outlives SIGKILL", cmd)
		}
		if t.Failed() {
			t.Logf("%v said:\n%s", cmd, c.said)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	if err := c.waitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// ends waits for c and checks its exit status and that its mount is gone.
func ends(t *testing.T, c *child, dir string, status int) {
	t.Helper()
	if !c.wait(testenv.Patience) {
		t.Fatal("the daemon does not end")
	}
	if got := c.cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("exit status %d, want %d (%v)", got, status, c.cmd.ProcessState)
	}
	if m := mountedAt(dir); m != "" {
		t.Errorf("%s is still mounted: %s", dir, m)
	}
}

// says waits until c has said text.
func says(t *testing.T, c *child, text string) {
	t.Helper()
	testenv.Eventually(t, "saying "+text, func() bool { return strings.Contains(c.said.String(), text) })
}

// put writes a file of the mount with one write.
func put(t *testing.T, text string, path ...string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(path...), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}
