package ioctx

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/ring"
)

// budget bounds bytes: of one uid, or of all.
type budget struct {
	max  int64   // 0: no bound but of's
	of   *budget // what this is a part of; nil: the whole
	used atomic.Int64
}

// charge takes n bytes; ENOSPC where they are not there.
func (b *budget) charge(n int64) error {
	for {
		used := b.used.Load()
		if b.max > 0 && n > b.max-used {
			return syscall.ENOSPC
		}
		if b.used.CompareAndSwap(used, used+n) {
			break
		}
	}
	if b.of == nil {
		return nil
	}
	err := b.of.charge(n)
	if err != nil {
		b.used.Add(-n)
	}
	return err
}

func (b *budget) uncharge(n int64) {
	if b.of != nil {
		b.of.uncharge(n)
	}
	if b.used.Add(-n) < 0 {
		panic("ioctx: more memory given back than charged")
	}
}

// fits says whether n bytes could ever be charged.
func (b *budget) fits(n int64) bool {
	return (b.max == 0 || n <= b.max) && (b.of == nil || b.of.fits(n))
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
