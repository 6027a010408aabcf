package threads

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// To preadv2(2) offset -1 is the file's own position, which is no offset that a request can have.
func TestNegativeOffset(t *testing.T) {
	file, err := os.Open("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	o := newOp()
	for _, rwf := range []uint32{0, unix.RWF_HIPRI} {
		o.r = &engine.Request{Op: engine.OpRead, FD: int32(file.Fd()), Buf: make([]byte, 10), Off: -1, RWF: rwf}
		if n, err := o.transfer(); err != unix.EINVAL {
			t.Errorf("RWF %#x: %d, %v, want EINVAL", rwf, n, err)
		}
	}
}
