package iocb

import (
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCmdString(t *testing.T) {
	for c, want := range map[Cmd]string{
		CmdPread: "pread", CmdPwrite: "pwrite", CmdFsync: "fsync", CmdFdsync: "fdsync", CmdPoll: "poll", CmdNoop: "noop",
		CmdPreadv: "preadv", CmdPwritev: "pwritev", 4: "4", 9: "9", 65535: "65535",
	} {
		if got := c.String(); got != want {
			t.Errorf("%d is %q, want %q", uint16(c), got, want)
		}
	}
}

func TestErrnoName(t *testing.T) {
	for e, want := range map[syscall.Errno]string{
		unix.EAGAIN: "EAGAIN", unix.EOPNOTSUPP: "EOPNOTSUPP", unix.ECANCELED: "ECANCELED", unix.EDEADLK: "EDEADLK", 512: "512",
	} {
		if got := ErrnoName(e); got != want {
			t.Errorf("%d is %q, want %q", e, got, want)
		}
	}
}

func TestRefusal(t *testing.T) {
	err := refuse(unix.EBADF, "the %s", "reason")
	if got := err.Error(); got != "EBADF the reason" {
		t.Errorf("says %q", got)
	}
	if !errors.Is(err, unix.EBADF) || errors.Is(err, unix.EINVAL) {
		t.Error("is not its errno")
	}
}

func TestAppendPath(t *testing.T) {
	if got := string(AppendPath([]byte("PATH "), "/a\n\\b \t\x01\xff")); got != "PATH /a\\012\\134b \t\x01\xff" {
		t.Errorf("shown as %q", got)
	}
}

func TestAppendOpenIsWhatOpenParses(t *testing.T) {
	for words, flags := range map[string]int{
		"rdonly":        unix.O_RDONLY,
		"wronly,append": unix.O_WRONLY | unix.O_APPEND,
		"rdwr,sync":     unix.O_RDWR | unix.O_SYNC,
		"rdwr,dsync":    unix.O_RDWR | unix.O_DSYNC,
		"wronly,creat,trunc,append,direct,sync,nofollow": unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND | unix.O_DIRECT |
			unix.O_SYNC | unix.O_NOFOLLOW,
	} {
		if got := string(AppendOpen(nil, flags|unix.O_CLOEXEC)); got != words {
			t.Errorf("%#x is %q, want %q", flags, got, words)
		}
		if got, err := (arg{keyOpen, []byte(words)}).open(unix.O_RDONLY); err != nil || got != flags {
			t.Errorf("%q is %#x, %v, want %#x", words, got, err, flags)
		}
	}
}
