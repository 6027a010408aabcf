package ioctx

import (
	"context"
	"fmt"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/engine/uring"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// BenchmarkNoops is what a request costs from submit to events_raw, its counting included, where the I/O costs nothing.
func BenchmarkNoops(b *testing.B) {
	for _, batch := range []int{1, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) { benchmarkNoops(b, batch) })
	}
}

func benchmarkNoops(b *testing.B, batch int) {
	e, err := uring.New()
	if err != nil {
		b.Skip(err)
	}
	pool := threads.NewPool()
	t := NewTable(Config{Engine: e, Pool: pool})
	c, err := t.Setup(1, Owner{})
	if err != nil {
		b.Fatal(err)
	}
	s, err1 := c.OpenSubmit(false)
	r, err2 := c.OpenEvents(true, false)
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	var requests []byte
	noop := iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop)}
	for range batch {
		requests = noop.AppendTo(requests)
	}
	events := make([]byte, batch*eventSize)
	b.ReportAllocs()
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
	s.Close()
	r.Close()
	t.ExitAll(context.Background())
	e.Close()
	pool.Close()
}
