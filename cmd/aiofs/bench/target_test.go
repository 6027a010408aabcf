package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A file that was there is written to only where the user says so, and is never removed.
func TestDestructive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "precious")
	content := bytes.Repeat([]byte("precious"), 1<<10)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(flags ...string) error {
		return Run(t.Context(), append([]string{name, "--paths", "sync", "--slices", "1", "--slice", "1ms"}, flags...), new(bytes.Buffer), nil)
	}
	if err := run("--write"); !errors.Is(err, ErrUsage) {
		t.Errorf("a write without --destructive: %v", err)
	}
	if err := run("--preset", "write-32"); !errors.Is(err, ErrUsage) {
		t.Errorf("a preset that writes, without --destructive: %v", err)
	}
	if err := run("--depth", "1"); err != nil {
		t.Errorf("a read: %v", err)
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file is not what it was (%v)", err)
	}
	if err := run("--write", "--destructive"); err != nil {
		t.Errorf("a write with --destructive: %v", err)
	}
	if got, err := os.ReadFile(name); err != nil || bytes.Equal(got, content) || len(got) != len(content) {
		t.Errorf("nothing was written, or the size has changed to %d (%v)", len(got), err)
	}
}

// The file is removed where making it was interrupted.
func TestInterruptedMaking(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	name := filepath.Join(t.TempDir(), "file")
	if err := Run(ctx, []string{name}, new(bytes.Buffer), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there (%v)", err)
	}
}

func TestMountOf(t *testing.T) {
	const table = `21 1 254:0 / / rw - ext4 /dev/root rw
30 21 0:5 / /mnt rw shared:7 - tmpfs none rw
31 21 0:6 / /mnt/a\040b rw - xfs /dev/x\040y rw
32 31 0:7 / /mnt/a\040b rw - btrfs /dev/z rw
`
	for _, c := range []struct{ path, fstype, source string }{
		{"/file", "ext4", "/dev/root"},
		{"/mnt/file", "tmpfs", "none"},
		{"/mntfile", "ext4", "/dev/root"},
		{"/mnt/a b/c/file", "btrfs", "/dev/z"},
	} {
		if fstype, source := mountOf(table, c.path); fstype != c.fstype || source != c.source {
			t.Errorf("%s lies in %s on %s, want %s on %s", c.path, fstype, source, c.fstype, c.source)
		}
	}
}
