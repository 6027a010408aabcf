package ring

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var page = os.Getpagesize()

func TestMemory(t *testing.T) {
	for _, size := range []int{1, page - 1, page, page + 1, 5 * page} {
		before := Mapped()
		m, err := NewMemory(size)
		if err != nil {
			t.Fatal(err)
		}
		if m.Size() != size || len(m.Bytes()) != size || cap(m.Bytes()) != size || m.FD() != -1 {
			t.Errorf("size %d: Size %d, len %d, cap %d, FD %d", size, m.Size(), len(m.Bytes()), cap(m.Bytes()), m.FD())
		}
		if got, want := Mapped()-before, int64(roundUp(size)); got != want {
			t.Errorf("size %d: %d bytes mapped, want %d", size, got, want)
		}
		m.Bytes()[0], m.Bytes()[size-1] = 1, 2
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if got := Mapped() - before; got != 0 {
			t.Errorf("size %d: %d bytes mapped after Close", size, got)
		}
	}
}

func TestMemoryErrors(t *testing.T) {
	for _, size := range []int{0, -1, math.MinInt, math.MaxInt} {
		if _, err := NewMemory(size); !errors.Is(err, unix.EINVAL) {
			t.Errorf("NewMemory(%d): %v, want EINVAL", size, err)
		}
		if _, err := NewMemfd("test", size); err == nil {
			t.Errorf("NewMemfd(%d): no error", size)
		}
	}
	if _, err := NewMemory(math.MaxInt - 2*page); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("NewMemory of all there is: %v, want ENOMEM", err)
	}
}

func TestTrim(t *testing.T) {
	before := Mapped()
	m, err := NewMemory(3 * page)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.Bytes()[page] = 7
	first := &m.Bytes()[0]
	for _, size := range []int{3 * page, page + 1, page + 1} {
		if err := m.Trim(size); err != nil {
			t.Fatal(err)
		}
		if m.Size() != size || &m.Bytes()[0] != first || m.Bytes()[page] != 7 {
			t.Errorf("Trim(%d): Size %d, or other bytes than before", size, m.Size())
		}
		if got, want := Mapped()-before, int64(roundUp(size)); got != want {
			t.Errorf("Trim(%d): %d bytes mapped, want %d", size, got, want)
		}
	}
	for _, size := range []int{0, -1, page + 2} {
		if err := m.Trim(size); !errors.Is(err, unix.EINVAL) {
			t.Errorf("Trim(%d): %v, want EINVAL", size, err)
		}
	}
}

func TestCloseTwicePanics(t *testing.T) {
	m, err := NewMemory(1)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	defer func() {
		if what, _ := recover().(string); !strings.Contains(what, "closed") {
			t.Errorf("panic %q, want one that says what was wrong", what)
		}
	}()
	m.Close()
}
