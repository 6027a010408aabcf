package bench

import (
	"fmt"
	"os"
	"sync"
)

// A verifier checks every byte of a path's requests.
type verifier struct {
	block int
	stamp uint64 // of what the current slice writes

	mu      sync.Mutex
	written map[int64]bool // guarded by mu: the offsets written in this slice
	checked int            // guarded by mu: blocks that were right
}

// begin starts a slice.
func (v *verifier) begin() {
	v.stamp++
	v.written = make(map[int64]bool)
}

// compose makes b what is to be written at off. Any goroutine may call it.
func (v *verifier) compose(b []byte, off int64) {
	fill(b, off, v.stamp)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.written[off] = true
}

// check looks at what was read at off. Any goroutine may call it.
func (v *verifier) check(b []byte, off int64) error {
	if err := check(b, off); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checked++
	return nil
}

// end reads what the slice has written from the file.
func (v *verifier) end(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, v.block)
	for off := range v.written {
		if _, err := f.ReadAt(b, off); err != nil {
			return err
		}
		if err := v.check(b, off); err != nil {
			return err
		}
		for i := 0; i < len(b); i += sector {
			if s := stampOf(b[i:]); s != v.stamp {
				return fmt.Errorf("what was written at %d is not in the file: it is of slice %d, not of %d", off+int64(i), s, v.stamp)
			}
		}
	}
	return nil
}
