package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// abortConnection lets everybody go who waits for the mount of device number dev, as fusectl's file abort does. A process of
// which a thread hangs in the kernel keeps /dev/fuse open after its end, so that without this its clients would hang with it.
// It needs CAP_SYS_ADMIN. fusectl is mounted where no path leads to.
func abortConnection(dev uint64) error {
	fs, err := unix.Fsopen("fusectl", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("fsopen fusectl: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return fmt.Errorf("fsconfig fusectl: %w", err)
	}
	root, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("fsmount fusectl: %w", err)
	}
	defer unix.Close(root)
	// A connection is named by the minor number of its mount's st_dev: Documentation/filesystems/fuse.
	file, err := unix.Openat(root, fmt.Sprintf("%d/abort", unix.Minor(dev)), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open fusectl's abort: %w", err)
	}
	defer unix.Close(file)
	_, err = unix.Write(file, []byte("1"))
	return err
}
