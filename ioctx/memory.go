package ioctx

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ring"
)

// budget bounds the bytes of all buf and out together.
type budget struct {
	max  int64
	used atomic.Int64
}

// charge takes n bytes; ENOSPC where they are not there.
func (b *budget) charge(n int64) error {
	for {
		used := b.used.Load()
		if n > b.max-used {
			return syscall.ENOSPC
		}
		if b.used.CompareAndSwap(used, used+n) {
			return nil
		}
	}
}

func (b *budget) uncharge(n int64) {
	if b.used.Add(-n) < 0 {
		panic("ioctx: more memory given back than charged")
	}
}

// trashSize is how much a read that keeps nothing brings at once.
const trashSize = 1 << 20

// trash is memory that is read into and never looked at.
type trash struct {
	mu  sync.Mutex
	mem *ring.Memory // guarded by mu; nil until it is needed
}

func (t *trash) get() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mem == nil {
		m, err := ring.NewMemory(trashSize)
		if err != nil {
			return nil, err
		}
		t.mem = m
	}
	return t.mem.Bytes(), nil
}

// free gives the memory back; nothing is in flight.
func (t *trash) free() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mem != nil {
		t.mem.Close()
		t.mem = nil
	}
}
