package fsnode

import (
	"errors"
	"syscall"
)

// errnoOf is the border: what ioctx returns unwraps to an errno.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}

// written answers a write that took n bytes: an errno counts only where nothing was taken.
func written(n int, err error) (uint32, syscall.Errno) {
	if n > 0 {
		return uint32(n), 0
	}
	return 0, errnoOf(err)
}
