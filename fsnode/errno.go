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

// written answers a write: ioctx returns an error only where nothing was taken.
func written(n int, err error) (uint32, syscall.Errno) { return uint32(n), errnoOf(err) }
