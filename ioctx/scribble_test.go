package ioctx

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// client is a ring as a client maps it: the same pages at another address.
type client struct{ mem []byte }

// mapRing maps c's ring until the test ends. The context has had a submit.
func mapRing(t testing.TB, c *Kioctx) client {
	t.Helper()
	r := c.live.Load().ring
	mem, err := unix.Mmap(r.FD(), 0, r.Memory().Size(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	return client{mem}
}

// Offsets in struct aio_ring.
const (
	headAt = 8
	tailAt = 12
)

func (c client) tail() uint32     { return binary.NativeEndian.Uint32(c.mem[tailAt:]) }
func (c client) setHead(v uint32) { binary.NativeEndian.PutUint32(c.mem[headAt:], v) }
