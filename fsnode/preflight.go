package fsnode

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// SetupError says in one sentence what this machine, or this user, lacks for a mount, and what to install or change.
type SetupError struct {
	Reason string
	Err    error
}

func (e *SetupError) Error() string { return e.Reason }
func (e *SetupError) Unwrap() error { return e.Err }

// preflight looks at what a mount needs before anything is done, and returns dir absolute and without symbolic links.
func preflight(dir string) (string, error) {
	dir, err := mountPoint(dir)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(fuseDevice, os.O_RDWR, 0)
	if err != nil {
		return "", deviceError(err)
	}
	f.Close()
	if !isRoot() {
		if _, err := fusermountPath(); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func mountPoint(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	var st os.FileInfo
	if err == nil {
		st, err = os.Stat(abs)
	}
	switch {
	case errors.Is(err, syscall.ENOTCONN):
		return "", &SetupError{fmt.Sprintf("%s is a mount whose daemon has died: umount it first", dir), err}
	case err != nil:
		return "", err
	case !st.IsDir():
		return "", fmt.Errorf("mount on %s: %w", dir, syscall.ENOTDIR)
	}
	return abs, nil
}

const fuseDevice = "/dev/fuse"

func deviceError(err error) error {
	reason := fmt.Sprintf("%s cannot be opened (%v)", fuseDevice, err)
	switch {
	case errors.Is(err, syscall.ENOENT):
		reason = fuseDevice + " does not exist: load the kernel module (modprobe fuse), or start the container with --device /dev/fuse"
	case errors.Is(err, syscall.EACCES):
		reason = fmt.Sprintf("uid %d may not open %s: chmod 666 %[2]s, as distributions ship it, or mount as root", os.Geteuid(), fuseDevice)
	case errors.Is(err, syscall.EPERM):
		reason = "this container may not use " + fuseDevice + ": start it with --device /dev/fuse"
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		reason = "this kernel has no FUSE: load the module (modprobe fuse)"
	}
	return &SetupError{reason, err}
}

// fusermountPath finds the helper that mounts for users, as go-fuse does.
func fusermountPath() (string, error) {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "fusermount", "/bin/fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &SetupError{"fusermount3 is not installed: install the package fuse3, or mount as root", exec.ErrNotFound}
}
