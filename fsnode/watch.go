package fsnode

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// watch returns when a file system is mounted nowhere any more, which poll(2) on mountinfo tells, proc_pid_mountinfo(5); or when stop
// can be read.
func watch(dev uint64, stop int) {
	fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	for mounted(fd, dev) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}, {Fd: int32(stop), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil && err != unix.EINTR || p[1].Revents != 0 {
			return
		}
	}
}

// mounted says whether a file system is mounted anywhere in the daemon's mount namespace. The third word of a line is its device.
func mounted(mountinfo int, dev uint64) bool {
	want := fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
	var text strings.Builder
	buf := make([]byte, 64<<10)
	for off := int64(0); ; {
		n, err := unix.Pread(mountinfo, buf, off)
		if err != nil || n == 0 {
			break
		}
		text.Write(buf[:n])
		off += int64(n)
	}
	for line := range strings.Lines(text.String()) {
		if words := strings.Fields(line); len(words) > 2 && words[2] == want {
			return true
		}
	}
	return false
}
