package ioctx

import (
	"bytes"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// localFS are the file systems that answer in bounded time, and honour being told not to wait. FUSE, network file systems and what
// is not listed here may never answer.
var localFS = []struct {
	magic int64
	names string // as in mountinfo
}{
	{unix.EXT4_SUPER_MAGIC, "ext2 ext3 ext4"},
	{unix.XFS_SUPER_MAGIC, "xfs"},
	{unix.BTRFS_SUPER_MAGIC, "btrfs"},
	{unix.F2FS_SUPER_MAGIC, "f2fs"},
	{0x2fc12fc1, "zfs"},
	{0xca451a4e, "bcachefs"},
	{unix.TMPFS_MAGIC, "tmpfs devtmpfs"},
	{unix.RAMFS_MAGIC, "ramfs rootfs"},
	{unix.HUGETLBFS_MAGIC, "hugetlbfs"},
	{unix.OVERLAYFS_SUPER_MAGIC, "overlay"},
	{unix.MSDOS_SUPER_MAGIC, "vfat msdos"},
	{unix.EXFAT_SUPER_MAGIC, "exfat"},
	{unix.ISOFS_SUPER_MAGIC, "iso9660"},
	{unix.UDF_SUPER_MAGIC, "udf"},
	{unix.SQUASHFS_MAGIC, "squashfs"},
	{unix.EROFS_SUPER_MAGIC_V1, "erofs"},
	{unix.NILFS_SUPER_MAGIC, "nilfs2"},
	{unix.SYSFS_MAGIC, "sysfs"},
	{unix.PROC_SUPER_MAGIC, "proc"},
	{unix.CGROUP_SUPER_MAGIC, "cgroup"},
	{unix.CGROUP2_SUPER_MAGIC, "cgroup2"},
	{unix.DEVPTS_SUPER_MAGIC, "devpts"},
	{unix.PIPEFS_MAGIC, ""},
	{unix.SOCKFS_MAGIC, ""},
	{unix.ANON_INODE_FS_MAGIC, ""},
}

// classOf is the class of an open file by the f_type of its file system.
func classOf(magic int64) engine.Class {
	for _, fs := range localFS {
		if fs.magic == magic {
			return engine.ClassLocal
		}
	}
	return engine.ClassHang
}

func isLocal(fsType string) bool {
	for _, fs := range localFS {
		for name := range strings.FieldsSeq(fs.names) {
			if name == fsType {
				return true
			}
		}
	}
	return false
}

// mounts knows which directories are mount points of file systems that can hang, so that a path can be told to lead there without
// touching it. It goes by the words of the path: a symbolic link can lead elsewhere, and what it leads to is then known by
// the open only. That is why a context has a share of every class of pool threads.
type mounts struct {
	mu   sync.Mutex
	fd   int // of mountinfo; guarded by mu
	open bool
	seen atomic.Pointer[mountTable]
}

// mountTable is what mountinfo says.
type mountTable struct {
	hang  []string          // mount points of file systems that can hang
	kinds map[uint64]fsKind // by st_dev
}

// fsKind is whether a file system can hang.
type fsKind uint8

const (
	fsUnknown fsKind = iota // mounted elsewhere, or with a st_dev of its own for each subvolume; or procfs, where each file is another case
	fsLocal
	fsHang
)

// refresh reads mountinfo again if it has changed, which poll(2) tells: proc_pid_mountinfo(5).
func (m *mounts) refresh() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.open {
		fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return // without procfs every path counts as local, until it is open
		}
		m.fd, m.open = fd, true
	} else {
		p := []unix.PollFd{{Fd: int32(m.fd), Events: unix.POLLPRI}}
		if n, err := unix.Poll(p, 0); err != nil || n == 0 {
			return
		}
	}
	if text, err := m.read(); err == nil {
		m.seen.Store(parseMounts(text))
	}
}

// read reads all of mountinfo, by the descriptor that there is: poll(2) has told of the change and will not again, so it must not fail for
// want of another one. The caller holds mu.
func (m *mounts) read() (text []byte, err error) {
	part := make([]byte, 64<<10)
	for {
		n, err := unix.Pread(m.fd, part, int64(len(text)))
		if n <= 0 || err != nil {
			return text, err
		}
		text = append(text, part[:n]...)
	}
}

func (m *mounts) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open {
		unix.Close(m.fd)
		m.open = false
	}
}

// parseMounts reads mountinfo: the third word of a line is the device, the fifth the mount point, and the type is the one behind the
// dash.
func parseMounts(text []byte) *mountTable {
	t := &mountTable{kinds: make(map[uint64]fsKind)}
	for line := range bytes.Lines(text) {
		words := strings.Fields(string(line))
		dash := slices.Index(words, "-")
		if dash < 6 || dash+1 == len(words) {
			continue
		}
		kind := fsLocal
		if !isLocal(words[dash+1]) {
			kind = fsHang
			t.hang = append(t.hang, unescape(words[4]))
		}
		if dev, ok := parseDev(words[2]); ok && words[dash+1] != "proc" {
			t.kinds[dev] = kind
		}
	}
	return t
}

// parseDev reads MAJOR:MINOR.
func parseDev(s string) (uint64, bool) {
	a, b, _ := strings.Cut(s, ":")
	major, err1 := strconv.ParseUint(a, 10, 32)
	minor, err2 := strconv.ParseUint(b, 10, 32)
	return unix.Mkdev(uint32(major), uint32(minor)), err1 == nil && err2 == nil
}

// kindOf is the kind of the file system with a st_dev, as far as this process's mount namespace tells.
func (m *mounts) kindOf(dev uint64) fsKind {
	if t := m.seen.Load(); t != nil {
		return t.kinds[dev]
	}
	return fsUnknown
}

// unescape undoes the \ooo of mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// classOf is the class of a path that has not been opened, an absolute one.
func (m *mounts) classOf(path string) engine.Class {
	t := m.seen.Load()
	if t == nil || len(t.hang) == 0 {
		return engine.ClassLocal
	}
	path = filepath.Clean(path)
	for _, mp := range t.hang {
		if rest, ok := strings.CutPrefix(path, mp); ok && (rest == "" || rest[0] == '/' || mp == "/") {
			return engine.ClassHang
		}
	}
	return engine.ClassLocal
}
