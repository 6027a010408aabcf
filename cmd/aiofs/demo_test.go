package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nothingLeft checks that a demo in tmp left no file and no mount.
func nothingLeft(t *testing.T, tmp string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(tmp, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	for _, m := range mounts() {
		if strings.HasPrefix(m.path, tmp) {
			t.Errorf("left a mount on %s", m.path)
		}
	}
}

func inTmp(tmp string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "TMPDIR="+tmp) }
}

func TestDemo(t *testing.T) {
	needFuse(t)
	tmp := t.TempDir()
	stdout, stderr, status := runBinary(t, inTmp(tmp), "demo")
	if status != exitOK || stderr != "" {
		t.Errorf("exit status %d, stderr %q, stdout:\n%s", status, stderr, stdout)
	}
	for _, want := range []string{
		"Which of 500 files answer within 100 ms?", "\n400\n",
		"reads a second", "checksum by pread", "Everything was as expected",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "\033") || strings.Contains(stdout, "\r") {
		t.Error("colour or progress where there is no terminal")
	}
	nothingLeft(t, tmp)
}

func TestDemoWithThreads(t *testing.T) {
	needFuse(t)
	tmp := t.TempDir()
	stdout, stderr, status := runBinary(t, inTmp(tmp), "demo", "-o", "engine=threads")
	if status != exitOK || !strings.Contains(stdout, "msg=engine is=threads") {
		t.Errorf("exit status %d, stderr %q, stdout:\n%s", status, stderr, stdout)
	}
	nothingLeft(t, tmp)
}

// Of a tree only one file is found here: the demo fails.
func TestDemoSeesADifference(t *testing.T) {
	needFuse(t)
	tmp := t.TempDir()
	bin := filepath.Join(t.TempDir(), "find")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\nprintf 'pread keep=no ./tree/plain\\0'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, stderr, status := runBinary(t, func(cmd *exec.Cmd) {
		inTmp(tmp)(cmd)
		cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"))
	}, "demo")
	if status != exitDiffer || !strings.Contains(stderr, "differs from what was expected") {
		t.Errorf("exit status %d, stderr %q", status, stderr)
	}
	nothingLeft(t, tmp)
}

// Ctrl-C in the midst of a line that never ends: nothing stays.
func TestDemoInterrupted(t *testing.T) {
	needFuse(t)
	tmp := t.TempDir()
	bin := filepath.Join(t.TempDir(), "find")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\necho in find >&2; exec cat \"$M\"/../hang/hung000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "demo")
	inTmp(tmp)(cmd)
	cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"))
	c := launch(t, cmd, "in find", tmp)
	c.signal(syscall.SIGINT)
	ends(t, c, tmp, exitDiffer)
	nothingLeft(t, tmp)
}

// A reader that has seen enough ends the demo, cleanly.
func TestDemoIntoHead(t *testing.T) {
	needFuse(t)
	tmp := t.TempDir()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	_, stderr, status := runBinary(t, func(cmd *exec.Cmd) {
		inTmp(tmp)(cmd)
		cmd.Stdout = w
	}, "demo")
	w.Close()
	if status == exitOK {
		t.Errorf("exit status %d, stderr %q", status, stderr)
	}
	nothingLeft(t, tmp)
}

func TestDemoTakesNoMountpoint(t *testing.T) {
	_, stderr, status := runBinary(t, nil, "demo", "/mnt")
	if status != exitUsage || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit status %d, stderr %q", status, stderr)
	}
}
