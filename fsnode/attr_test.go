package fsnode

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func lstat(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	fi, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Sys().(*syscall.Stat_t)
}

// The interface's table of files: mode, size, and that the directory lists just these, with the inode numbers that stat shows.
func TestFilesAndModes(t *testing.T) {
	m := newMount(t)
	m.context(t, "8")
	const reg, dir, fifo = syscall.S_IFREG, syscall.S_IFDIR, syscall.S_IFIFO
	for parent, files := range map[string]map[string]struct {
		mode uint32
		size int64
	}{
		".": {
			"README": {reg | 0o444, int64(len(readme))}, "aio-nr": {reg | 0o444, 0}, "aio-max-nr": {reg | 0o644, 0},
			"metrics": {reg | 0o444, 0}, "ctx": {dir | 0o1777, 0},
		},
		"ctx": {"new": {reg | 0o444, 0}, "1": {dir | 0o700, 0}},
		"ctx/1": {
			"nr_events": {reg | 0o600, 0}, "submit": {reg | 0o200, 1 << 62}, "events": {reg | 0o600, 0}, "events_raw": {reg | 0o600, 0},
			"cancel": {reg | 0o200, 0}, "buf": {reg | 0o600, 1 << 20}, "files": {reg | 0o600, 0}, "out": {dir | 0o700, 0},
			"ready": {fifo | 0o600, 0}, "doorbell": {fifo | 0o600, 0}, "ring": {reg | 0o600, 0}, "sq": {reg | 0o600, 0},
			"stat": {reg | 0o400, 0}, "inflight": {reg | 0o400, 0}, "error_log": {reg | 0o400, 0},
		},
		"ctx/1/out": {},
	} {
		listed := inodes(t, m.path(parent))
		if len(listed) != len(files) {
			t.Errorf("%s lists %v", parent, listed)
		}
		for name, want := range files {
			st := lstat(t, m.path(parent, name))
			if st.Mode != want.mode || st.Size != want.size || st.Uid != uint32(os.Geteuid()) || st.Nlink != 1 {
				t.Errorf("%s/%s: mode %o size %d uid %d nlink %d, want %o %d", parent, name, st.Mode, st.Size, st.Uid, st.Nlink, want.mode, want.size)
			}
			if listed[name] != st.Ino {
				t.Errorf("%s/%s: inode %d, listed as %d", parent, name, st.Ino, listed[name])
			}
		}
	}
	if st := lstat(t, m.path("ctx/1/submit")); st.Blksize != 64<<10 {
		t.Errorf("submit: st_blksize %d: stdio would write in small pieces", st.Blksize)
	}
}

// inodes are d_ino by name.
func inodes(t *testing.T, dir string) map[string]uint64 {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	n, err := unix.Getdents(int(f.Fd()), buf)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	for b := buf[:n]; len(b) > 0; {
		reclen := int(b[16]) | int(b[17])<<8
		if name := unix.ByteSliceToString(b[19:reclen]); name != "." && name != ".." {
			got[name] = leUint64(b)
		}
		b = b[reclen:]
	}
	return got
}

func leUint64(b []byte) (v uint64) {
	for i := range 8 {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

// No two files of any two contexts may share an inode number, out/ included.
func TestInodeNumbersDiffer(t *testing.T) {
	seen := map[uint64]string{}
	add := func(n uint64, what string) {
		if seen[n] != "" || n == 0 || n == ^uint64(0) {
			t.Errorf("inode %d of %s, and of %q", n, what, seen[n])
		}
		seen[n] = what
	}
	for k := kindDir; k <= kindErrorLog; k++ {
		if k >= 1<<kindBits {
			t.Fatal("kindBits is too small")
		}
		for serial := range uint64(100) {
			add(ino(serial, k), "a file")
		}
	}
	for serial := range uint64(100) {
		for tag := range uint64(100) {
			add(outIno(serial, tag), "out/TAG")
		}
	}
}

// What `>` and touch do is let through and changes nothing; rights and sizes stay as they are.
func TestSetattr(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	for name, truncated := range map[string]syscall.Errno{
		"nr_events": 0, "submit": 0, "events": 0, "events_raw": 0, "cancel": 0, "buf": 0, "files": 0,
		"stat": syscall.EACCES, "inflight": syscall.EACCES, "error_log": syscall.EACCES, "../../README": syscall.EACCES,
		"../../aio-max-nr": 0, "../../aio-nr": syscall.EACCES, "../new": syscall.EACCES,
	} {
		path := filepath.Join(dir, name)
		before := *lstat(t, path)
		wantErrno(t, name+": truncate to 0", os.Truncate(path, 0), truncated)
		wantErrno(t, name+": touch", unix.Utimes(path, nil), 0)
		wantErrno(t, name+": chmod", os.Chmod(path, 0o777), syscall.EPERM)
		wantErrno(t, name+": chown", os.Chown(path, 7, 7), syscall.EPERM)
		if name != "buf" && truncated == 0 {
			wantErrno(t, name+": truncate to 5", os.Truncate(path, 5), syscall.EINVAL)
		}
		if after := lstat(t, path); after.Size != before.Size || after.Mode != before.Mode || after.Uid != before.Uid {
			t.Errorf("%s: changed to size %d, mode %o, uid %d", name, after.Size, after.Mode, after.Uid)
		}
	}
}

// Root passes the kernel's check of modes, but not these.
func TestOpenAgainstTheMode(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	for _, c := range []struct {
		name  string
		flags int
		want  syscall.Errno
	}{
		{"submit", os.O_RDONLY, syscall.EACCES},
		{"submit", os.O_RDWR, syscall.EACCES},
		{"cancel", os.O_RDONLY, syscall.EACCES},
		{"stat", os.O_WRONLY, syscall.EACCES},
		{"../new", os.O_RDWR, syscall.EACCES},
		{"../../README", os.O_WRONLY, syscall.EACCES},
		{"events", os.O_WRONLY, syscall.EINVAL}, // what it configures would be lost with it
		{"events_raw", os.O_WRONLY, syscall.EINVAL},
		{"events", os.O_RDWR, 0},
		{"submit", os.O_WRONLY | os.O_APPEND, 0},
	} {
		f, err := os.OpenFile(filepath.Join(dir, c.name), c.flags, 0)
		wantErrno(t, c.name, err, c.want)
		if err == nil {
			f.Close()
		}
	}
}

// Nothing can be made, moved or removed but contexts and what is in out/.
func TestNothingElseCanBeMade(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	for _, at := range []string{m.dir, m.path("ctx"), dir, dir + "/out"} {
		other := filepath.Join(at, "other")
		_, err := os.Create(other)
		wantErrno(t, at+": create", err, syscall.EPERM)
		wantErrno(t, at+": mknod", unix.Mkfifo(other, 0o600), syscall.EPERM)
		wantErrno(t, at+": symlink", os.Symlink("x", other), syscall.EPERM)
		wantErrno(t, at+": link", os.Link(dir+"/stat", other), syscall.EPERM)
		wantErrno(t, at+": rename", os.Rename(dir+"/stat", other), syscall.EPERM)
		if at != m.path("ctx") {
			wantErrno(t, at+": mkdir", os.Mkdir(other, 0o700), syscall.EPERM)
		}
	}
	for _, name := range []string{"README", "ctx", "ctx/new", "ctx/1/stat", "ctx/1/submit", "ctx/1/out"} {
		path := m.path(name)
		want := [2]syscall.Errno{syscall.EPERM, syscall.ENOTDIR} // unlink, rmdir
		if lstat(t, path).Mode&syscall.S_IFMT == syscall.S_IFDIR {
			want = [2]syscall.Errno{syscall.EISDIR, syscall.EPERM}
		}
		wantErrno(t, name+": unlink", syscall.Unlink(path), want[0])
		wantErrno(t, name+": rmdir", syscall.Rmdir(path), want[1])
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(m.dir, &st); err != nil || st.Type != unix.FUSE_SUPER_MAGIC || st.Namelen != 255 || st.Bsize != 4096 {
		t.Errorf("statfs: %v %+v", err, st)
	}
}
