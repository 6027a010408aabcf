package threads

import "golang.org/x/sys/unix"

// ioprioWhoProcess, with id 0, is the calling thread (linux/ioprio.h).
const ioprioWhoProcess = 1

// setIoprio gives the calling thread an I/O priority and returns what it had. EINVAL: no such class or level; EPERM: a
// real-time class without CAP_SYS_ADMIN or CAP_SYS_NICE.
func setIoprio(prio uint16) (old uintptr, err error) {
	old, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, ioprioWhoProcess, 0, 0)
	if errno == 0 {
		_, _, errno = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, uintptr(prio))
	}
	if errno != 0 {
		return 0, errno
	}
	return old, nil
}

// restoreIoprio sets what setIoprio returned.
func restoreIoprio(old uintptr) {
	unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, old)
}
