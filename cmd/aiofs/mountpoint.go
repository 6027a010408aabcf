package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// defaultMountpoint is /run/aiofs for root and $XDG_RUNTIME_DIR/aiofs for everybody else.
func defaultMountpoint(uid int, runtimeDir string) (string, error) {
	switch {
	case uid == 0:
		return "/run/aiofs", nil
	case runtimeDir == "":
		return "", failf(exitUsage, "XDG_RUNTIME_DIR is not set, so there is no default mountpoint: name one")
	}
	return filepath.Join(runtimeDir, "aiofs"), nil
}

// prepareMountpoint returns the directory to mount on: name, or the default one, which it makes. It takes away what a daemon left
// there that has died, and refuses a directory on which an aiofs is mounted already; whatever else is wrong with it the
// mount will say.
func prepareMountpoint(name string, log *slog.Logger) (string, error) {
	if name == "" {
		var err error
		if name, err = defaultMountpoint(os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR")); err != nil {
			return "", err
		}
		if err := os.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", failf(exitMount, "the default mountpoint cannot be made: %w", err)
		}
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", failf(exitMount, "the mountpoint %s cannot be resolved: %w", name, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	for mountedAt(path) == "fuse.aiofs" { // dead ones may lie on one another
		// Attributes may be cached from when the daemon lived; statfs(2) always asks it.
		if err := syscall.Statfs(path, &syscall.Statfs_t{}); !errors.Is(err, syscall.ENOTCONN) {
			return "", failf(exitMount, "an aiofs is already mounted on %s", path)
		}
		if err := detachMount(path); err != nil {
			return "", failf(exitMount, "%s is a mount whose daemon has died, and it cannot be cleared: %w", path, err)
		}
		log.Info("cleared a mount whose daemon had died", "on", path)
	}
	return path, nil
}

const fuseConf = "/etc/fuse.conf"

// mayAllowOther says whether fusermount3 lets a user other than root mount with allow_other.
func mayAllowOther(uid int, conf string) error {
	if uid == 0 {
		return nil
	}
	text, err := os.ReadFile(conf)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failf(exitMount, "%w", err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "user_allow_other" {
			return nil
		}
	}
	return failf(exitMount, "a user may mount with allow_other only where %s says user_allow_other: add that line, or mount as root", conf)
}

// fusermount finds the helper that mounts for users, where go-fuse looks for it; "" if there is none.
func fusermount() string {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "fusermount", "/bin/fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// detachMount takes a mount out of the tree, whoever uses it, without waiting for its daemon.
func detachMount(path string) error {
	err := syscall.Unmount(path, syscall.MNT_DETACH)
	if errors.Is(err, syscall.EPERM) && fusermount() != "" {
		err = exec.Command(fusermount(), "-u", "-z", path).Run()
	}
	if err != nil {
		return failf(exitSystem, "detaching the mount %s failed: %w", path, err)
	}
	return nil
}

// mountedAt returns the type of the topmost file system mounted on path, as /proc/self/mountinfo gives it; "" if none is.
func mountedAt(path string) string {
	fstype := ""
	for _, m := range mounts() {
		if m.path == path {
			fstype = m.fstype
		}
	}
	return fstype
}

type mountEntry struct{ path, fstype string }

// mounts reads the mount table of this process, oldest first; see proc_pid_mountinfo(5).
func mounts() []mountEntry {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil // no /proc: then nothing is known to be mounted
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var list []mountEntry
	for line := range strings.Lines(string(table)) {
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) > 4 && len(right) > 0 {
			list = append(list, mountEntry{unescape.Replace(left[4]), right[0]})
		}
	}
	return list
}
