package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

func TestDefaultMountpoint(t *testing.T) {
	for _, tt := range []struct {
		uid              int
		runtimeDir, want string
	}{
		{0, "", "/run/aiofs"},
		{0, "/run/user/0", "/run/aiofs"},
		{1000, "/run/user/1000", "/run/user/1000/aiofs"},
		{1000, "", ""},
	} {
		got, err := defaultMountpoint(tt.uid, tt.runtimeDir)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("uid %d, XDG_RUNTIME_DIR=%q: %q, %v; want %q", tt.uid, tt.runtimeDir, got, err, tt.want)
		}
	}
}

func TestPrepareMountpointResolves(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := errors.Join(os.Mkdir("m", 0o755), os.Symlink("m", "link")); err != nil {
		t.Fatal(err)
	}
	if got, err := prepareMountpoint("./link", slog.New(slog.DiscardHandler)); got != filepath.Join(dir, "m") || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// /proc is mounted wherever this test has a mount table at all.
func TestMountedAt(t *testing.T) {
	if got := mountedAt("/proc"); got != "proc" {
		t.Errorf("/proc: %q", got)
	}
	if got := mountedAt(t.TempDir()); got != "" {
		t.Errorf("a directory: %q", got)
	}
}
