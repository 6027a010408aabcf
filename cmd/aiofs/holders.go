package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxHoldersLogged bounds how many processes the log names that keep a mount busy.
const maxHoldersLogged = 10

// holders names the processes that have the file system of device number dev as their root or working directory, or a file of it
// open: a phrase each. This process is not among them, nor are those that it may not look at.
func holders(dev uint64) (found []string) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	self := fmt.Sprintf("/proc/%d", os.Getpid())
	for _, proc := range processes {
		if proc == self {
			continue
		}
		if how := holds(proc, dev); how != "" {
			name, _ := os.ReadFile(proc + "/comm") // it may have ended
			found = append(found, fmt.Sprintf("%s (%s): %s", filepath.Base(proc), bytes.TrimSpace(name), how))
		}
	}
	return found
}

// holds says how a process keeps the file system busy; "" if it does not.
func holds(proc string, dev uint64) string {
	fds, _ := filepath.Glob(proc + "/fd/*")
	for _, link := range append([]string{proc + "/cwd", proc + "/root"}, fds...) {
		if !liesOn(link, dev) {
			continue
		}
		target, err := os.Readlink(link)
		if err != nil {
			continue
		}
		switch filepath.Base(link) {
		case "cwd":
			return "its working directory is " + target
		case "root":
			return "its root is " + target
		}
		return "has " + target + " open"
	}
	return ""
}

// liesOn looks at what a link of /proc leads to with what the kernel knows already: no file system is asked, so none can hang.
func liesOn(link string, dev uint64) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, link, unix.AT_STATX_DONT_SYNC, 0, &st)
	return err == nil && unix.Mkdev(st.Dev_major, st.Dev_minor) == dev
}
