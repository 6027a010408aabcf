package integration

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

// An injector makes system calls of a daemon fail: testdata/inject.c.
type injector struct {
	t       *testing.T
	orders  *net.UnixListener
	control net.Conn // nil until the daemon runs
	words   []string // that start it
}

func newInjector(t *testing.T) *injector {
	t.Helper()
	if os.Geteuid() != 0 {
		testenv.Lacks(t, "only root may filter system calls of a program that mounts")
	}
	words := compiled("cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", "client", "testdata/inject.c")(t, t.TempDir())
	dir, err := os.MkdirTemp("", "") // t.TempDir's is too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "orders")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	in := &injector{t: t, orders: l, words: append(words, path)}
	t.Cleanup(func() { // when the daemon has ended: it gets ENOSYS from then on
		l.Close()
		if in.control != nil {
			in.control.Close()
		}
	})
	return in
}

// fail has the n-th of a call fail from now on, 0 all of them, and returns how many there were of the one before.
func (in *injector) fail(call string, n int, errno syscall.Errno) (seen int) {
	in.t.Helper()
	var err error
	if in.control == nil {
		if in.control, err = in.orders.Accept(); err != nil {
			in.t.Fatal(err)
		}
	}
	answer := make([]byte, 32)
	_, err = fmt.Fprintln(in.control, call, n, int(errno))
	in.control.SetReadDeadline(time.Now().Add(testenv.Patience))
	got, err2 := in.control.Read(answer)
	if err = errors.Join(err, err2); err != nil {
		in.t.Fatal(err)
	}
	seen, err = strconv.Atoi(strings.TrimSpace(string(answer[:got])))
	if err != nil {
		in.t.Fatal(err)
	}
	return seen
}

// lift has nothing fail.
func (in *injector) lift() (seen int) { return in.fail("-", 0, 0) }

// An injection is a call by which a daemon gets what a client needs, and what it fails with.
type injection struct {
	call  string
	errno syscall.Errno
}

var injections = []injection{
	{"memfd_create", syscall.ENFILE},
	{"ftruncate", syscall.ENOMEM},
	{"mmap_shared", syscall.ENOMEM},
	{"fcntl_dup", syscall.EMFILE},
	{"fcntl_seals", syscall.ENOMEM},
	{"io_uring_setup", syscall.ENOMEM},
	{"io_uring_register", syscall.ENOMEM},
	{"eventfd2", syscall.ENFILE},
	{"epoll_create1", syscall.EMFILE},
	{"epoll_add", syscall.ENOMEM},
	{"openat", syscall.ENFILE},
	{"openat2", syscall.ENFILE},
	{"readlinkat", syscall.ENOMEM},
	{"fstat", syscall.EIO},
	{"fstatfs", syscall.EIO},
	{"statx", syscall.EIO},
	{"unshare", syscall.ENOMEM},
	{"pidfd_open", syscall.ENFILE},
	{"pidfd_getfd", syscall.EMFILE},
	{backing, syscall.ENOMEM},
}

// backing is not made to fail once: the daemon asks twice, and go-fuse takes the second answer for all times.
const backing = "backing_open"

// All system calls of a kind fail by which the daemon gets something for a client, and then each of them once: the client gets the errno,
// with a line in error_log, or the daemon does without. Others notice nothing, nothing is left, and afterwards everything works.
func TestFailingSystemCalls(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			in := newInjector(t)
			d := mountBy(t, in.words, "engine="+engine)
			around := d.bystanders()
			l := d.newLife()
			b := d.baseline().withPoller()
			calls, noticed, step := 0, 0, 1
			if testing.Short() {
				step = 5
			}
			for _, f := range injections {
				for n, more := 0, true; more; n += step {
					in.fail(f.call, n, f.errno)
					failed := l.live()
					seen := in.lift()
					more = f.call != backing && n <= seen
					d.returnsTo(b, fmt.Sprintf("%v of %s %d of %d", f.errno, f.call, n, seen))
					allFor(t, failed, f.errno)
					if t.Failed() {
						t.Fatalf("%v of %s %d of %d", f.errno, f.call, n, seen)
					}
					if noticed += len(failed); n == 0 {
						calls += seen
					} else if more {
						calls++
					}
				}
				if failed := l.live(); len(failed) > 0 {
					t.Errorf("after %s has failed: %v", f.call, failed)
				}
				d.returnsTo(b, "a life")
			}
			d.unharmed(around)
			t.Logf("%d system calls failed, which a client noticed in %d places", calls, noticed)
		})
	}
}
