package ring

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

func newMemfdT(t *testing.T, size int) *Memory {
	t.Helper()
	m, err := NewMemfd("test", size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// fileSize is a memfd's, which a client is told and must be able to touch all of.
func fileSize(t *testing.T, fd int) int {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return int(st.Size)
}

func TestMemfdIsSharedAndPrivate(t *testing.T) {
	m := newMemfdT(t, page+1)
	client, err := unix.Mmap(m.FD(), 0, page+1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(client)
	client[page] = 7
	if m.Bytes()[page] != 7 {
		t.Error("the Memory does not see what a client wrote")
	}
	m.Bytes()[0] = 8
	if client[0] != 8 {
		t.Error("a client does not see what was written to the Memory")
	}
	if got := fileSize(t, m.FD()); got != page+1 {
		t.Errorf("a file of %d bytes, want %d", got, page+1)
	}
	var st unix.Stat_t
	if err := unix.Fstat(m.FD(), &st); err != nil || st.Mode&0o7777 != 0 {
		t.Errorf("mode %#o, %v, want 0", st.Mode&0o7777, err)
	}
	if flags, err := unix.FcntlInt(uintptr(m.FD()), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags %#x, %v, want FD_CLOEXEC", flags, err)
	}
}

func TestMemfdSeals(t *testing.T) {
	m := newMemfdT(t, 2*page)
	if err := unix.Ftruncate(m.FD(), int64(page)); !errors.Is(err, unix.EPERM) {
		t.Errorf("shrink: %v, want EPERM", err)
	}
	if err := unix.Ftruncate(m.FD(), int64(2*page)); err != nil {
		t.Errorf("the same size: %v", err)
	}
	if err := m.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := m.Freeze(); err != nil {
		t.Errorf("Freeze again: %v", err)
	}
	if err := unix.Ftruncate(m.FD(), int64(3*page)); !errors.Is(err, unix.EPERM) {
		t.Errorf("growth after Freeze: %v, want EPERM", err)
	}
	if err := m.Seal(unix.F_SEAL_SEAL); err != nil {
		t.Fatal(err)
	}
	if err := m.Seal(unix.F_SEAL_FUTURE_WRITE); !errors.Is(err, unix.EPERM) {
		t.Errorf("a seal after F_SEAL_SEAL: %v, want EPERM", err)
	}
}

// TestFreezeLeavesWriteSeal is how the end of a context finds out whether a client still has the memory mapped.
func TestFreezeLeavesWriteSeal(t *testing.T) {
	m := newMemfdT(t, page)
	if err := m.Freeze(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(m.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	sealWrite := func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
		return err
	}
	if err := sealWrite(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("F_SEAL_WRITE while mapped: %v, want EBUSY", err)
	}
	unmapBytes(m.data)
	if err := sealWrite(); err != nil {
		t.Errorf("F_SEAL_WRITE once unmapped: %v", err)
	}
	if m.data, err = mmap(-1, page, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
		t.Fatal(err)
	}
}

func TestGrow(t *testing.T) {
	before := Mapped()
	m := newMemfdT(t, page)
	m.Bytes()[0] = 7
	for _, size := range []int{page, page + 1, page + 2, 9 * page} {
		if err := m.Grow(size); err != nil {
			t.Fatal(err)
		}
		if m.Size() != size || fileSize(t, m.FD()) != size {
			t.Errorf("Grow(%d): Size %d, the file's %d", size, m.Size(), fileSize(t, m.FD()))
		}
		if m.Bytes()[0] != 7 {
			t.Errorf("Grow(%d): other bytes than before", size)
		}
		m.Bytes()[size-1] = 8
		if got, want := Mapped()-before, int64(roundUp(size)); got != want {
			t.Errorf("Grow(%d): %d bytes mapped, want %d", size, got, want)
		}
	}
}

func TestGrowErrors(t *testing.T) {
	m := newMemfdT(t, page)
	if err := m.Freeze(); err != nil {
		t.Fatal(err)
	}
	anonymous, err := NewMemory(page)
	if err != nil {
		t.Fatal(err)
	}
	defer anonymous.Close()
	mapped := Mapped()
	for _, c := range []struct {
		m    *Memory
		size int
		want error
	}{
		{m, page - 1, unix.EINVAL},
		{m, 2 * page, unix.EPERM},
		{m, 1 << 62, unix.ENOMEM},
		{anonymous, 2 * page, unix.EINVAL},
	} {
		if err := c.m.Grow(c.size); !errors.Is(err, c.want) {
			t.Errorf("Grow(%d): %v, want %v", c.size, err, c.want)
		}
		c.m.Bytes()[page-1]++
		if c.m.Size() != page || Mapped() != mapped {
			t.Errorf("a Grow(%d) that failed left Size %d, %d bytes mapped more", c.size, c.m.Size(), Mapped()-mapped)
		}
	}
}

func TestAnonymousHasNoSeals(t *testing.T) {
	m, err := NewMemory(1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Freeze(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("Freeze: %v, want EINVAL", err)
	}
	memfd := newMemfdT(t, 1)
	if err := memfd.Trim(1); !errors.Is(err, unix.EINVAL) {
		t.Errorf("Trim of a memfd: %v, want EINVAL", err)
	}
}

// TestMemfdLeaksNothing fails after the descriptor was opened.
func TestMemfdLeaksNothing(t *testing.T) {
	before := len(testenv.OpenFiles())
	for range 10 {
		if _, err := NewMemfd("test", 0); !errors.Is(err, unix.EINVAL) {
			t.Errorf("size 0: %v, want EINVAL", err)
		}
	}
	if after := len(testenv.OpenFiles()); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
