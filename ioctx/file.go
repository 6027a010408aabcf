package ioctx

import (
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
	fd    int
	info  iocb.FileInfo
	class engine.Class
	reg   bool // a regular file, whose end fstat tells

	refs    atomic.Int32
	pool    *threads.Pool
	closing threads.Task
}

func (f *file) get() *file {
	f.refs.Add(1)
	return f
}

// put drops a reference. The close is a pool thread's: it can hang, on FUSE in FLUSH, on NFS in writing back.
func (f *file) put() {
	if f.refs.Add(-1) > 0 {
		return
	}
	f.closing = threads.Task{Class: f.class, Share: f.pool, Run: func(*threads.Thread) { unix.Close(f.fd) }}
	f.pool.Go(&f.closing)
}

// openFile opens path on a pool thread, from a working directory and root, as a request or a slot says. Besides what open(2)
// fails with: ELOOP for a magic link and for a file of this daemon's own mount, EACCES for one on procfs.
//
// The open never waits for the other end of a FIFO: O_NONBLOCK is set for it, and taken off again so that reads and writes wait.
func (t *Table) openFile(th *threads.Thread, from *origin, path string, flags int) (*file, error) {
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
	f, err := t.inspect(fd, flags)
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

// inspect finds out what the engine and iocb.Request.Check must know of an open descriptor, and refuses what no request may touch.
func (t *Table) inspect(fd, flags int) (*file, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Dev == t.ownDev.Load() {
		return nil, syscall.ELOOP
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return nil, err
	}
	if fs.Type == unix.PROC_SUPER_MAGIC {
		return nil, syscall.EACCES
	}
	f := &file{fd: fd, class: classOf(fs.Type), pool: t.cfg.Pool}
	f.refs.Store(1)
	acc := flags & unix.O_ACCMODE
	f.info.Readable = acc != unix.O_WRONLY
	f.info.Writable = acc != unix.O_RDONLY
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.reg = true
		f.info.AppendOnly = flags&unix.O_APPEND != 0 && appendOnly(fd)
		return f, nil
	case unix.S_IFDIR:
		f.info.NoRead, f.info.NoWrite = true, true
	case unix.S_IFIFO, unix.S_IFSOCK:
		f.info.NoFsync = true
		f.class = engine.ClassStream
	default:
		if _, err := unix.Seek(fd, 0, unix.SEEK_CUR); err == unix.ESPIPE {
			f.class = engine.ClassStream
		}
	}
	// The flag was this open's and goes with it; what is set on the descriptor later is the user's.
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags&^unix.O_NONBLOCK); err != nil {
		return nil, err
	}
	return f, nil
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
