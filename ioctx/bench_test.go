package ioctx

import (
	"context"
	"fmt"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/engine/uring"
	"github.com/aiofs/aiofs/ioctx/engine/uring/uringtest"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// BenchmarkNoops is what a request costs from submit to events_raw, its counting included, where the I/O costs nothing.
func BenchmarkNoops(b *testing.B) {
	for _, batch := range []int{1, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) { benchmarkNoops(b, batch) })
	}
}

func benchmarkNoops(b *testing.B, batch int) {
	c := benchContext(b)
	var requests []byte
	noop := iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop)}
	for range batch {
		requests = noop.AppendTo(requests)
	}
	b.ReportAllocs()
	roundTrips(b, c, requests)
}

// benchContext is a context over io_uring that the benchmark's end kills.
func benchContext(b *testing.B) *Kioctx {
	b.Helper()
	pool := threads.NewPool()
	e, err := uring.New(pool)
	if err != nil {
		pool.Close()
		uringtest.Lacks(b, err.Error())
	}
	t := NewTable(Config{Engine: e, Pool: pool})
	b.Cleanup(func() {
		t.ExitAll(context.Background())
		e.Close()
		pool.Close()
	})
	c, err := t.Setup(1, Owner{})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// roundTrips submits a batch of iocbs and reads its events until that were b.N requests.
func roundTrips(b *testing.B, c *Kioctx, requests []byte) {
	b.Helper()
	s, err1 := c.OpenSubmit(false)
	r, err2 := c.OpenEvents(true, false)
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	defer s.Close()
	defer r.Close()
	batch := len(requests) / iocb.Size
	events := make([]byte, batch*eventSize)
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		if _, err := s.Write(requests, self, nil); err != nil {
			b.Fatal(err)
		}
		for got := 0; got < batch; {
			n, err := r.Read(events, false, nil)
			if err != nil {
				b.Fatal(err)
			}
			got += n / eventSize
		}
	}
	b.StopTimer()
}
