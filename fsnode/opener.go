package fsnode

import (
	"context"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
)

// opener is the uid that opened a descriptor. What is written there is a command, so it counts only from the same uid: else `sudo
// program > submit` would have a program with more rights do what the shell's user has it write, or the other way round.
type opener uint32

func openerOf(ctx context.Context) opener { return opener(callerOf(ctx).Uid) }

// commands is EPERM where the caller is not who opened the descriptor.
func (o opener) commands(ctx context.Context) syscall.Errno {
	if openerOf(ctx) != o {
		return syscall.EPERM
	}
	return 0
}

// taskOf is the caller as ioctx wants it. The pid in a FUSE request is a thread id, in the pid namespace of the mount.
func taskOf(ctx context.Context) ioctx.Caller {
	c := callerOf(ctx)
	return ioctx.Caller{TID: int32(c.Pid), UID: c.Uid, GID: c.Gid}
}

// ownerOf is the caller as the owner of what he makes.
func ownerOf(ctx context.Context) (ioctx.Owner, error) { return ioctx.OwnerOf(taskOf(ctx)) }
