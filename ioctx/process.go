package ioctx

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// process is who makes one write, as far as the requests in it name things of his. Its thread waits in the kernel for the answer to
// the write: meanwhile its id is nobody else's, its ids and capabilities stay, and it executes no other program.
type process struct {
	ctx    *Kioctx
	caller Caller
	intr   Interrupt

	asked  bool // status and denied are known
	status *status
	denied string // why nothing of the caller may be used; "": it may
	lack   error  // what the daemon lacked to find out

	handle int // its pidfd
	opened bool
	files  []callerFile // of this write, each with a reference
	events []callerEvent
	space  *space // with a reference; nil: not asked for
}

type callerFile struct {
	fd   int32
	file *file
}

type callerEvent struct {
	fd    int32
	event *eventfd
}

// forget ends the write. What its requests hold they keep.
func (p *process) forget() {
	for _, f := range p.files {
		f.file.put()
	}
	for _, e := range p.events {
		e.event.put()
	}
	if p.space != nil {
		p.space.put()
	}
	if p.opened {
		unix.Close(p.handle)
	}
	*p = process{}
}

// check fails with errno, and in words, where nothing of the caller may be used. What he has been handed to write may name things that
// only he has a right to, so he must be the context's owner in all that the kernel would look at if the owner wanted to trace him.
func (p *process) check(errno syscall.Errno) error {
	if !p.asked {
		p.asked = true
		p.denied = p.whyDenied()
	}
	if p.denied == "" {
		return nil
	}
	return refuse(errno, p.lack, p.denied)
}

// refuse is a refusal with errno; where err is that the daemon is short of something, with that, for it says nothing of the caller.
func refuse(errno syscall.Errno, err error, why string) error {
	if short(err) {
		errno = errnoOf(err)
	}
	return &iocb.Refusal{Errno: errno, Why: why}
}

func (p *process) whyDenied() string {
	tid, owner := p.caller.TID, p.ctx.owner
	if tid == 0 {
		return "the writer cannot be seen: it is not in the daemon's pid namespace"
	}
	if p.status, p.lack = readStatus(tid); p.lack != nil {
		return fmt.Sprintf("the writer cannot be seen: %v", p.lack)
	}
	for _, uid := range p.status.uids {
		if uid != owner.UID {
			return fmt.Sprintf("one of the writer's uids is %d, not the context owner's %d", uid, owner.UID)
		}
	}
	if more := p.status.permitted &^ owner.held(); more != 0 {
		same, err := sameUserNS(tid)
		if p.lack = err; err != nil {
			return fmt.Sprintf("the writer's user namespace cannot be seen: %v", err)
		}
		if same {
			return "the writer has capabilities that the context's owner has not"
		}
	}
	// Not his where he has run a program with more rights than the owner's, whatever his uids are now.
	var st unix.Stat_t
	if p.lack = unix.Stat(fmt.Sprintf("/proc/%d/fd", tid), &st); p.lack != nil {
		return fmt.Sprintf("the writer's descriptors cannot be seen: %v", p.lack)
	}
	if st.Uid != owner.UID {
		return fmt.Sprintf("the writer's descriptors belong to uid %d, not to the context's owner %d", st.Uid, owner.UID)
	}
	return ""
}

// file is what a descriptor of the caller is, with a reference. It is the caller's open file itself, or where that cannot be had, the
// file opened anew. EBADF, ELOOP, EACCES and EMFILE as for paths, each in words.
func (p *process) file(fd int32) (*file, error) {
	for _, f := range p.files {
		if f.fd == fd {
			return f.file.get(), nil
		}
	}
	if err := p.check(syscall.EBADF); err != nil {
		return nil, err
	}
	p.ctx.table.mounts.refresh()
	f, err := p.fetch(fd)
	if err != nil {
		return nil, &iocb.Refusal{Errno: errnoOf(err), Why: fmt.Sprintf("descriptor %d: %v", fd, err)}
	}
	p.files = append(p.files, callerFile{fd, f})
	return f.get(), nil
}

// fetch gets a descriptor of the caller.
func (p *process) fetch(fd int32) (*file, error) {
	own, err := p.getfd(fd)
	switch {
	case err == nil:
		return p.adopt(own)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOSYS):
		return p.reopen(fd, err)
	}
	return nil, err
}

// getfd is pidfd_getfd(2): EPERM where this process may not trace the caller, ENOSYS before Linux 5.6.
func (p *process) getfd(fd int32) (int, error) {
	if fd < 0 {
		return -1, syscall.EBADF
	}
	if !p.opened {
		h, err := unix.PidfdOpen(int(p.caller.TID), unix.O_EXCL) // PIDFD_THREAD, Linux 6.9
		if err == syscall.EINVAL {
			h, err = unix.PidfdOpen(p.status.tgid, 0)
		}
		if err != nil {
			return -1, err
		}
		p.handle, p.opened = h, true
	}
	return unix.PidfdGetfd(p.handle, int(fd), 0)
}

// adopt makes a descriptor the file of a request, or closes it. It does nothing that can hang, and nothing to the description, which is
// the caller's too. A file system that is not known is asked on a pool thread.
func (p *process) adopt(fd int) (f *file, err error) {
	c := p.ctx
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	var st unix.Statx_t
	switch {
	case err != nil:
	case flags&unix.O_PATH != 0:
		err = fmt.Errorf("O_PATH: %w", syscall.EBADF)
	default:
		// Nothing is asked for, so no file system asks a server; what the kernel knows comes all the same.
		err = unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, 0, &st)
	}
	if err == nil {
		err = c.table.forbidden(unix.Mkdev(st.Dev_major, st.Dev_minor), uint32(st.Mode), unix.Mkdev(st.Rdev_major, st.Rdev_minor))
	}
	if err == nil {
		if f, err = p.classify(fd, flags, &st); err == nil {
			return f, nil
		}
	}
	unix.Close(fd)
	return nil, err
}

func (p *process) classify(fd, flags int, st *unix.Statx_t) (*file, error) {
	c, mode := p.ctx, uint32(st.Mode)
	class := engine.ClassHang
	switch kind := mode & unix.S_IFMT; {
	case kind == unix.S_IFIFO || kind == unix.S_IFSOCK: // of class stream in any case
	case c.table.mounts.kindOf(unix.Mkdev(st.Dev_major, st.Dev_minor)) == fsLocal:
		class = engine.ClassLocal
	case kind == 0 || c.table.mounts.kindOf(unix.Mkdev(st.Dev_major, st.Dev_minor)) == fsUnknown:
		return p.inspect(fd, flags)
	}
	return c.charged(func() (*file, error) { return c.newFile(fd, flags, mode, class), nil })
}

// inspect is Kioctx.inspect on a pool thread, of a duplicate, since who leaves closes his descriptor.
func (p *process) inspect(fd, flags int) (*file, error) {
	c := p.ctx
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	taken := false
	f, err := getOnPool(c, engine.ClassHang, p.intr, func(*threads.Thread) (*file, error) {
		f, err := c.charged(func() (*file, error) { return c.inspect(dup, flags) })
		taken = err == nil
		return f, err
	}, func() {
		if !taken {
			unix.Close(dup)
		}
	})
	if err == nil {
		unix.Close(fd)
	}
	return f, err
}

// reopen opens the file of a descriptor that the daemon may not have, with the owner's rights and for what the descriptor is open. It
// has a position and flags of its own then. EBADF where there is none, and in words where it cannot be had; denied is why not.
func (p *process) reopen(fd int32, denied error) (*file, error) {
	c := p.ctx
	f, err := getOnPool(c, engine.ClassHang, p.intr, func(*threads.Thread) (*file, error) {
		flags, err := descriptorFlags(p.caller.TID, fd)
		if err != nil {
			return nil, err
		}
		return c.charged(func() (*file, error) { return c.openAnew(p.caller.TID, fd, flags) })
	}, nil)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return nil, syscall.EBADF
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENXIO):
		return nil, fmt.Errorf("%w: to get it is denied (%v), and to open it anew through /proc too (%v)", syscall.EBADF, denied, err)
	}
	return f, err
}

// openAnew opens what a descriptor of a thread is open for.
func (c *Kioctx) openAnew(tid, fd int32, flags int) (*file, error) {
	if flags&unix.O_PATH != 0 {
		return nil, fmt.Errorf("O_PATH: %w", syscall.EBADF)
	}
	flags &= unix.O_ACCMODE | unix.O_APPEND | unix.O_DIRECT | unix.O_SYNC | unix.O_NONBLOCK
	path := fmt.Sprintf("/proc/%d/fd/%d", tid, fd)
	own, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return c.opened(own, flags)
}

// descriptorFlags are a descriptor's access mode and status flags, in octal in its fdinfo: proc_pid_fdinfo(5).
func descriptorFlags(tid, fd int32) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", tid, fd))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "flags:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(v), 8, 32)
			return int(n), err
		}
	}
	return 0, syscall.ENODATA
}
