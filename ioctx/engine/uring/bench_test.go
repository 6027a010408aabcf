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

// direct is one request of a benchmark, which comes back by its channel.
type direct struct {
	engine.Request
	over chan<- *direct
}

func (d *direct) Complete(res int64) {
	if res != page {
		panic(res)
	}
	d.over <- d
}

// 32 in flight past the page cache; one op is a request. TMPDIR says which disk.
func BenchmarkDirectReads(b *testing.B) {
	const n, pages = 32, 16384
	fd := tempFile(b, "", pages*page, unix.O_RDONLY|unix.O_DIRECT)
	q, over := newTestQueue(b, start(b), n), make(chan *direct, n)
	for _, r := range reads(b, nil, fd, pages, n) {
		d := &direct{Request: *r, over: over}
		d.Owner = d
		over <- d
	}
	b.ReportAllocs()
	b.ResetTimer()
	batch := make([]*engine.Request, 0, n)
	for i := 0; i < b.N; {
		for batch = batch[:0]; len(batch) == 0 || len(over) > 0; i++ {
			d := <-over
			d.Off = int64(rand.N(pages) * page)
			batch = append(batch, &d.Request)
		}
		q.Submit(batch)
	}
	for range n {
		<-over
	}
}

// A kill: all of 4,096 reads on empty pipes cancelled, and seen to end.
func BenchmarkCancel4096(b *testing.B) {
	const n, pipes = 4096, 256
	q, c := newTestQueue(b, start(b), n), newCounter()
	batch := reads(b, c, 0, 1, n)
	var ends [pipes]int32
	for i := range ends {
		ends[i], _ = pipe(b)
	}
	for i, r := range batch {
		r.FD, r.Class = ends[i%pipes], engine.ClassStream
	}
	for b.Loop() {
		b.StopTimer()
		c.left.Store(n)
		q.Submit(batch)
		b.StartTimer()
		q.Cancel(batch)
		<-c.zero
	}
	if res := c.res.Load(); res != -int64(unix.ECANCELED) {
		b.Errorf("completed with %d", res)
	}
}
