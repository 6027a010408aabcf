package threads

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// rootID tells whether two descriptors are the same directory of the same mount. The zero rootID is no directory's.
type rootID struct {
	major, minor uint32
	ino, mount   uint64
}

// identify returns the zero rootID where the kernel does not tell, which before Linux 5.8 it never does. It does not ask
// a server for the attributes, so it does not hang.
func identify(fd int) rootID {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_INO|unix.STATX_MNT_ID, &st)
	if err != nil || st.Mask&unix.STATX_MNT_ID == 0 {
		return rootID{}
	}
	return rootID{st.Dev_major, st.Dev_minor, st.Ino, st.Mnt_id}
}

// At makes root and cwd, O_PATH descriptors of directories, the thread's root and working directory until its task ends.
// root -1 is the daemon's own; cwd -1 is the root. It is called by the task that runs on the thread, and may block where
// a server of one of the directories does.
//
// The errno is wrapped: EPERM without CAP_SYS_CHROOT where root is another than the daemon's, or where unshare(2) is denied
// to the daemon (containers do that), so that a thread cannot have a working directory of its own; EACCES where the
// thread may not search a directory. After an error the thread is somewhere of the three; nothing should be opened.
func (th *Thread) At(root, cwd int) error {
	if th.unshared != nil {
		return fmt.Errorf("unshare(CLONE_FS): %w", th.unshared)
	}
	p := th.pool
	if root < 0 {
		root = p.home
	}
	if cwd < 0 {
		cwd = root
	}
	th.moved = true
	if root != p.home || th.rooted {
		if id := identify(root); th.rooted || id != p.homeID || id == (rootID{}) {
			if err := th.chroot(root); err != nil {
				return err
			}
		}
	}
	if err := unix.Fchdir(cwd); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	return nil
}

// chroot needs the daemon's own capabilities.
func (th *Thread) chroot(root int) error {
	as := th.cred
	if err := th.take(nil); err != nil {
		return err
	}
	if err := unix.Fchdir(root); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	th.rooted = true
	return th.take(as)
}

// goHome undoes what At did, since a thread's root and working directory keep their mounts busy: a shell in the mount
// that writes to submit must not make its umount fail. A thread that cannot get home is lost.
func (th *Thread) goHome() {
	var err error
	if th.rooted {
		if err = th.take(nil); err == nil {
			err = th.chroot(th.pool.home)
		}
	} else if th.moved {
		err = unix.Fchdir(th.pool.home) // with whatever rights the thread has: as a rule everyone may search it
		if err != nil && th.take(nil) == nil {
			err = unix.Fchdir(th.pool.home)
		}
	}
	th.lost = th.lost || err != nil
	th.moved, th.rooted = false, false
}
