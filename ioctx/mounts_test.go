package ioctx

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// What is mounted while there is no descriptor to spare is known: poll(2) tells of it once.
func TestMountsWithoutDescriptors(t *testing.T) {
	dir := t.TempDir()
	var m mounts
	defer m.close()
	m.refresh()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Dup(m.fd)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		testenv.Lacks(t, "mount: %v", err)
	}
	defer unix.Unmount(dir, 0)
	m.refresh()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	if got := m.kindOf(st.Dev); got != fsLocal {
		t.Errorf("a tmpfs is of kind %v, want %v", got, fsLocal)
	}
}
