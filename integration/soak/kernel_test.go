package soak

import (
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// A kernelLog is /dev/kmsg from the moment that it was opened.
type kernelLog struct{ *os.File }

// complaint is what a kernel says when it is in the wrong.
var complaint = regexp.MustCompile(`BUG|WARNING|Oops|panic|general protection|call trace|hung task|blocked for more than|stall|lockdep|` +
	`locking dependency|bad unlock|inconsistent lock|use-after-free|refcount_t|KASAN|UBSAN|segfault`)

func openKernelLog() (kernelLog, error) {
	f, err := os.OpenFile("/dev/kmsg", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		_, err = f.Seek(0, io.SeekEnd)
	}
	return kernelLog{f}, err
}

// complaints are the lines since then that say that something is wrong.
func (k kernelLog) complaints(t *testing.T) (all []string) {
	t.Helper()
	record := make([]byte, 8192)
	for {
		n, err := syscall.Read(int(k.Fd()), record)
		switch err {
		case nil:
			if line := string(record[:n]); complaint.MatchString(line) {
				all = append(all, strings.TrimSpace(line))
			}
		case syscall.EPIPE: // some were overwritten meanwhile
		case syscall.EAGAIN:
			return all
		default:
			t.Fatal(err)
		}
	}
}
