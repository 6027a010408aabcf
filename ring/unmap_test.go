//go:build !race

package ring

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCloseUnmaps looks at the address after Close. Another thread may have got it meanwhile, hence the tries.
func TestCloseUnmaps(t *testing.T) {
	for range 100 {
		m, err := NewMemory(page)
		if err != nil {
			t.Fatal(err)
		}
		bytes := m.Bytes()
		m.Close()
		if err := unix.Msync(bytes, unix.MS_ASYNC); errors.Is(err, unix.ENOMEM) {
			return
		}
	}
	t.Error("a closed Memory is still mapped")
}
