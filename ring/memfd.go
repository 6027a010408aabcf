package ring

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// NewMemfd makes a memfd of size bytes, zeroed, and maps it shared. Whoever maps the descriptor too sees the same memory.
//
// Its mode is 0, since a memfd begins as 0777 and the daemon's /proc/PID/fd is a path to it. F_SEAL_SHRINK keeps clients
// from truncating it beneath the mapping, where a touch would be SIGBUS. It fails with EINVAL where size is not positive,
// and with EMFILE, ENFILE, ENOMEM, all wrapped.
func NewMemfd(name string, size int) (*Memory, error) {
	m, err := newMemfd(name, size)
	if err != nil {
		return nil, fmt.Errorf("memfd %s of %d bytes: %w", name, size, err)
	}
	return m, nil
}

func newMemfd(name string, size int) (*Memory, error) {
	fd, err := memfdCreate(name)
	if err != nil {
		return nil, err
	}
	data, err := setupMemfd(fd, size)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &Memory{data: data, fd: fd}, nil
}

// memfdCreate asks for a file that can never be executed, which Linux before 6.3 does not know.
func memfdCreate(name string) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	return fd, err
}

// setupMemfd maps last, so that no failure has anything to unmap.
func setupMemfd(fd, size int) ([]byte, error) {
	if err := unix.Fchmod(fd, 0); err != nil {
		return nil, err
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
		return nil, err
	}
	return mmap(fd, size, unix.MAP_SHARED)
}

// Seal adds F_SEAL_* to a memfd, for good; Close needs none of what they forbid. EINVAL where the memory is anonymous,
// EPERM after F_SEAL_SEAL, both wrapped.
func (m *Memory) Seal(seals int) error {
	if m.fd < 0 {
		return fmt.Errorf("seal of anonymous memory: %w", unix.EINVAL)
	}
	if _, err := unix.FcntlInt(uintptr(m.fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal %#x: %w", seals, err)
	}
	return nil
}

// Freeze fixes a memfd's size: F_SEAL_GROW beside the F_SEAL_SHRINK it was made with. It leaves F_SEAL_WRITE possible, which
// is how one finds out after the end whether a client still maps the file.
func (m *Memory) Freeze() error {
	return m.Seal(unix.F_SEAL_GROW)
}

// Grow makes a memfd size bytes and maps it anew; nobody may use the old Bytes. Where it fails nothing has changed. EINVAL
// where size is below Size or the memory is anonymous, EPERM once frozen, ENOMEM; all wrapped.
func (m *Memory) Grow(size int) error {
	if m.fd < 0 || size < len(m.data) {
		return fmt.Errorf("grow from %d to %d bytes: %w", len(m.data), size, unix.EINVAL)
	}
	// The mapping comes first because it can be undone: the file, once grown, is sealed against shrinking.
	data, err := mmap(m.fd, size, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("grow to %d bytes: %w", size, err)
	}
	if err := unix.Ftruncate(m.fd, int64(size)); err != nil {
		unmapBytes(data)
		return fmt.Errorf("grow to %d bytes: %w", size, err)
	}
	unmapBytes(m.data)
	m.data = data
	return nil
}
