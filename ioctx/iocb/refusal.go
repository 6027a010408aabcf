package iocb

import (
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Refusal is why a request was refused. errors.Is finds its errno.
type Refusal struct {
	Errno syscall.Errno
	Why   string // one line of words for the user, with the offending word quoted
}

// Error is the errno's name and the reason.
func (r *Refusal) Error() string { return ErrnoName(r.Errno) + " " + r.Why }

// Unwrap returns the errno.
func (r *Refusal) Unwrap() error { return r.Errno }

// ErrnoName is the name of e as the kernel's errno.h has it, or its number where it has none.
func ErrnoName(e syscall.Errno) string {
	if e == unix.EOPNOTSUPP {
		return "EOPNOTSUPP" // x/sys has the C library's second name, ENOTSUP
	}
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return strconv.Itoa(int(e))
}

// AppendPath appends path to dst as events and inflight show it: a newline as \012 and a backslash as \134, so that it stays
// on one line and can be undone; every other byte as it is.
func AppendPath(dst []byte, path string) []byte {
	for i := range len(path) {
		switch path[i] {
		case '\n':
			dst = append(dst, `\012`...)
		case '\\':
			dst = append(dst, `\134`...)
		default:
			dst = append(dst, path[i])
		}
	}
	return dst
}

func refuse(errno syscall.Errno, format string, args ...any) error {
	return &Refusal{Errno: errno, Why: fmt.Sprintf(format, args...)}
}

// invalid is the refusal of nearly everything that is wrong in a text.
func invalid(format string, args ...any) error { return refuse(unix.EINVAL, format, args...) }

// quote shows a word of the request in a reason: escaped, and cut where it would make the reason unreadable.
func quote(word []byte) string {
	const most = 64
	if len(word) > most {
		return strconv.Quote(string(word[:most])) + "..."
	}
	return strconv.Quote(string(word))
}
