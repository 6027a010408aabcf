package ioctx

import (
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// file is an open file of a user: struct file, as far as requests need it. It is closed when its last reference goes: a
// slot's, and one for each request in flight.
type file struct {
	ctx   *Kioctx // whose user pays for it
	fd    int
	info  iocb.FileInfo
	class engine.Class
	reg   bool // a regular file, whose end fstat tells

	registered sync.Once
	fixed      uint32 // what the engine knows it by, once registered; 0: it does not

	refs    atomic.Int32
	closing threads.Task // of one that may hang
}

// newFile makes the file of an open descriptor, its user having been charged with it. flags are its file status flags.
func (c *Kioctx) newFile(fd, flags int, mode uint32, class engine.Class) *file {
	f := &file{ctx: c, fd: fd, class: class}
	f.refs.Store(1)
	acc := flags & unix.O_ACCMODE
	f.info.Readable = acc != unix.O_WRONLY
	f.info.Writable = acc != unix.O_RDONLY
	f.info.Priv = c.owner.realTime()
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.reg = true
		f.info.AppendOnly = flags&unix.O_APPEND != 0 && appendOnly(fd)
	case unix.S_IFDIR:
		f.info.NoRead, f.info.NoWrite = true, true
	case unix.S_IFIFO, unix.S_IFSOCK, 0: // none: an anonymous inode, such as an eventfd
		f.info.NoFsync = true
		f.class = engine.ClassStream
	default:
		if _, err := unix.Seek(fd, 0, unix.SEEK_CUR); err == unix.ESPIPE {
			f.class = engine.ClassStream
		}
	}
	return f
}

func (f *file) get() *file {
	f.refs.Add(1)
	return f
}

func (f *file) put() { f.drop(1) }

// register has the engine know a file that many requests may name. The caller has a reference, and the context is live.
func (f *file) register() {
	f.registered.Do(func() {
		if r, ok := f.ctx.live.Load().queue.(engine.Registrar); ok && f.class == engine.ClassLocal {
			f.fixed = r.Register(int32(f.fd))
		}
	})
}

// drop drops references. The close is a pool thread's: it can hang, on FUSE in FLUSH, on NFS in writing back.
func (f *file) drop(refs int32) {
	if f.refs.Add(-refs) > 0 {
		return
	}
	if f.fixed != 0 {
		f.ctx.live.Load().queue.(engine.Registrar).Unregister(f.fixed)
	}
	if f.class == engine.ClassLocal {
		f.ctx.closer.add(f)
	} else {
		f.closeApart()
	}
}

// openFile opens path on a pool thread that has the owner's credentials, from a working directory and root, as a request or a slot
// says. Besides what open(2) fails with: ELOOP for a magic link and for a file of this daemon's own mount, EACCES for one on
// procfs, EMFILE where the owner has as many files open as he may.
func (c *Kioctx) openFile(th *threads.Thread, from *origin, path string, flags int) (*file, error) {
	c.closer.closeOne()
	return c.charged(func() (*file, error) { return c.openAt(th, from, path, flags) })
}

// charged charges the context's user with what open opens.
func (c *Kioctx) charged(open func() (*file, error)) (*file, error) {
	if err := c.user.files.take(); err != nil {
		return nil, err
	}
	f, err := open()
	if err != nil {
		c.user.files.release()
	}
	return f, err
}

// openAt never waits for the other end of a FIFO: O_NONBLOCK is set for the open, and taken off again so that reads and writes
// wait.
func (c *Kioctx) openAt(th *threads.Thread, from *origin, path string, flags int) (*file, error) {
	if err := th.At(from.root, from.cwd); err != nil {
		return nil, err
	}
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK),
		Resolve: unix.RESOLVE_NO_MAGICLINKS,
	}
	if flags&unix.O_CREAT != 0 {
		how.Mode = uint64(0o666 &^ from.umask)
	}
	fd, err := openat2(path, &how)
	if err != nil {
		return nil, err
	}
	return c.opened(fd, flags)
}

// opened makes the file of a descriptor that was opened here with O_NONBLOCK beside flags, or closes it. To regular files the flag
// means nothing, so it stays there.
func (c *Kioctx) opened(fd, flags int) (f *file, err error) {
	if f, err = c.inspect(fd, flags); err == nil && !f.reg {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return f, nil
}

func openat2(path string, how *unix.OpenHow) (fd int, err error) {
	for {
		fd, err = unix.Openat2(unix.AT_FDCWD, path, how)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// inspect finds out what the engine and iocb.Request.Check must know of an open descriptor, and refuses what no request may touch. It
// runs on a pool thread, since asking a file system can hang.
func (c *Kioctx) inspect(fd, flags int) (*file, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if err := c.table.forbidden(st.Dev, st.Mode, st.Rdev); err != nil {
		return nil, err
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return nil, err
	}
	if fs.Type == unix.PROC_SUPER_MAGIC {
		return nil, syscall.EACCES
	}
	return c.newFile(fd, flags, st.Mode, classOf(fs.Type)), nil
}

// forbidden is ELOOP for what would lead requests back here: a file of this daemon's mount, and the device that mounts are served
// through, which may be this one's.
func (t *Table) forbidden(dev uint64, mode uint32, rdev uint64) error {
	const fuseMajor, fuseMinor = 10, 229 // MISC_MAJOR, FUSE_MINOR of <linux/miscdevice.h>
	if dev == t.ownDev.Load() || mode&unix.S_IFMT == unix.S_IFCHR && rdev == unix.Mkdev(fuseMajor, fuseMinor) {
		return syscall.ELOOP
	}
	return nil
}

// appendOnly says whether the inode has the append-only attribute, for RWF_NOAPPEND.
func appendOnly(fd int) bool {
	var stx unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, 0, &stx)
	return err == nil && stx.Attributes&unix.STATX_ATTR_APPEND != 0
}

// size is how many bytes lie behind off, for a read without len=: to the end of a regular file, a pipe's capacity elsewhere.
func (f *file) size(off int64) (int64, error) {
	if !f.reg {
		return streamLen, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return 0, err
	}
	return max(st.Size-off, 0), nil
}

// streamLen is what a read without len= asks of a file without an end.
const streamLen = 64 << 10
