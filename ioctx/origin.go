package ioctx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// origin is from where a writer's paths resolve: its root and working directory, as they were at the write, and its umask. It is
// shared by the requests of one write.
type origin struct {
	root  int    // O_PATH descriptor
	cwd   int    // O_PATH descriptor; -1: the root
	dir   string // the name of cwd
	umask uint32
	refs  atomic.Int32
}

// newOrigin looks at the calling thread in /proc, at its working directory only for relative paths, since holding it keeps its
// mount busy. EACCES, in words, where the thread cannot be seen.
func (c *Kioctx) newOrigin(w Caller, intr Interrupt, relative bool) (*origin, error) {
	if w.TID == 0 {
		return nil, &iocb.Refusal{Errno: syscall.EACCES, Why: "the writer's root and working directory cannot be seen: it is not in the daemon's pid namespace"}
	}
	o, err := seeOrigin(w.TID, relative)
	if c.owner.Cred != nil && errors.Is(err, syscall.EACCES) { // a daemon without CAP_SYS_PTRACE; but its users may look at themselves
		o, err = getOnPool(c, engine.ClassLocal, intr, func(*threads.Thread) (*origin, error) { return seeOrigin(w.TID, relative) }, nil)
	}
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ESRCH) { // of /proc/TID: the writer is gone, or procfs is not there
		err = fmt.Errorf("%w: %w", syscall.EACCES, err)
	}
	if err != nil {
		return nil, &iocb.Refusal{Errno: errnoOf(err), Why: fmt.Sprintf("the writer's root and working directory cannot be seen: %v", err)}
	}
	return o, nil
}

func seeOrigin(tid int32, relative bool) (*origin, error) {
	o := &origin{root: -1, cwd: -1}
	o.refs.Store(1)
	err := o.look(fmt.Sprintf("/proc/%d/", tid), relative)
	if err == nil {
		err = o.readUmask(tid)
	}
	if err != nil {
		o.put()
		return nil, err
	}
	return o, nil
}

func (o *origin) look(proc string, relative bool) (err error) {
	if o.root, err = unix.Open(proc+"root", unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	if relative {
		if o.cwd, err = unix.Open(proc+"cwd", unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		if o.dir, err = os.Readlink(proc + "cwd"); err != nil {
			return err
		}
	}
	return nil
}

func (o *origin) readUmask(tid int32) error {
	s, err := readStatus(tid)
	if err == nil {
		o.umask = s.umask
	}
	return err
}

// name is path as seen from the writer's root, for who goes by its words.
func (o *origin) name(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(o.dir, path)
}

func (o *origin) get() *origin {
	o.refs.Add(1)
	return o
}

func (o *origin) put() {
	if o.refs.Add(-1) > 0 {
		return
	}
	if o.cwd >= 0 {
		unix.Close(o.cwd)
	}
	if o.root >= 0 {
		unix.Close(o.root)
	}
}
