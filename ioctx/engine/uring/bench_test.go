package uring

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

const page = 4096

// reads makes n requests for random pages of fd.
func reads(t testing.TB, owner engine.Owner, fd int32, pages, n int) []*engine.Request {
	mem := mmap(t, n*page)
	batch := make([]*engine.Request, n)
	for i := range batch {
		batch[i] = &engine.Request{
			Op: engine.OpRead, FD: fd, Owner: owner,
			Off: int64(rand.N(pages) * page), Buf: mem[i*page : (i+1)*page : (i+1)*page],
		}
	}
	return batch
}

// In batches of 256; one op is a request.
func BenchmarkCachedReads(b *testing.B) {
	const n, pages = 256, 4096
	fd := tempFile(b, "", pages*page, unix.O_RDONLY)
	q, c := newTestQueue(b, start(b), n), newCounter()
	batch := reads(b, c, fd, pages, n)
	c.submit(q, batch)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += n {
		c.submit(q, batch)
	}
}

// One at a time: what a single request costs besides the copy.
func BenchmarkCachedRead(b *testing.B) {
	fd := tempFile(b, "", page, unix.O_RDONLY)
	q, c := newTestQueue(b, start(b), 1), newCounter()
	batch := reads(b, c, fd, 1, 1)
	for b.Loop() {
		c.submit(q, batch)
	}
}
