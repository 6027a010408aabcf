package fsnode

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Wait returns when the mount has gone and every request was answered. A lazily detached mount has gone when its last user
// has. Contexts are not killed by it: Table.ExitAll does that.
func (s *Server) Wait() { <-s.done }

// Done is closed when Wait would return.
func (s *Server) Done() <-chan struct{} { return s.done }

// Unmount unmounts like umount(8): EBUSY while somebody has a file open or a working directory in the mount. It does not
// wait for what Wait waits for. Of what has gone already it is nil.
func (s *Server) Unmount() error { return s.unmount(unix.UMOUNT_NOFOLLOW, "-u") }

// Detach is a lazy unmount: nobody finds the mount any more, and who is in it may go on.
func (s *Server) Detach() error { return s.unmount(unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH, "-u", "-z") }

// cleanUp removes what is left where the connection was aborted, as umount -f does while the mount is in use: a mount point on
// which everything fails with ENOTCONN.
func (s *Server) cleanUp(served <-chan struct{}) {
	<-served
	s.tree.fifos.end()
	s.tree.handles.end()
	s.tree.forgetter.end()
	var st unix.Stat_t
	if err := unix.Stat(s.dir, &st); err == unix.ENOTCONN || err == nil && st.Dev == s.dev {
		s.Detach()
	}
	close(s.done)
}

func (s *Server) unmount(flags int, args ...string) error {
	select {
	case <-s.done:
		return nil
	default:
	}
	if isRoot() {
		if err := unix.Unmount(s.dir, flags); err != nil && err != unix.EINVAL { // EINVAL: it is no mount point any more
			return fmt.Errorf("unmount %s: %w", s.dir, err)
		}
		return nil
	}
	return fusermount(append(args, "--", s.dir)...)
}

// fusermount runs fusermount3, whose one word on EBUSY is in its text.
func fusermount(args ...string) error {
	bin, err := fusermountPath()
	if err != nil {
		return err
	}
	out, err := exec.Command(bin, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(string(out))
	if strings.Contains(text, "busy") {
		return fmt.Errorf("%s: %w", text, syscall.EBUSY)
	}
	return fmt.Errorf("%s: %w", text, err)
}
