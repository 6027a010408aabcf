package ioctx

import (
	"context"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/engine/uring"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// BenchmarkCallersMemory is what a cached read of 4 KiB costs with a descriptor and an address of the caller, beside one with a slot and
// buf.
func BenchmarkCallersMemory(b *testing.B) {
	for _, batch := range []int{1, 32, 256} {
		for _, native := range []bool{false, true} {
			b.Run(fmt.Sprintf("native=%v/batch=%d", native, batch), func(b *testing.B) { benchmarkCallersMemory(b, batch, native) })
		}
	}
}

func benchmarkCallersMemory(b *testing.B, batch int, native bool) {
	eng, err := uring.New()
	if err != nil {
		b.Skip(err)
	}
	pool := threads.NewPool()
	t := NewTable(Config{Engine: eng, Pool: pool})
	c, err1 := t.Setup(1, Owner{})
	s, err2 := c.OpenSubmit(false)
	r, err3 := c.OpenEvents(true, false)
	f, err4 := c.OpenFiles()
	file, err5 := os.CreateTemp(b.TempDir(), "")
	mem, err6 := unix.Mmap(-1, 0, 4096*batch, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	for _, err := range []error{err1, err2, err3, err4, err5, err6, file.Truncate(4096)} {
		if err != nil {
			b.Fatal(err)
		}
	}
	if _, err := f.Write([]byte("open 0 open=rdonly "+file.Name()+"\n"), self, nil); err != nil {
		b.Fatal(err)
	}
	var requests []byte
	for i := range batch {
		cb := iocb.Iocb{Fildes: 0, Nbytes: 4096, Flags: iocb.FlagFile | iocb.FlagBuf}
		if native {
			cb = iocb.Iocb{Fildes: uint32(file.Fd()), Nbytes: 4096, Buf: addr(mem[4096*i:])}
		}
		requests = cb.AppendTo(requests)
	}
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
	s.Close()
	r.Close()
	f.Close()
	t.ExitAll(context.Background())
	eng.Close()
	pool.Close()
	file.Close()
	unix.Munmap(mem)
}

// BenchmarkOwnerOf is what a mkdir costs more for its maker's rights.
func BenchmarkOwnerOf(b *testing.B) {
	for b.Loop() {
		OwnerOf(self)
	}
}
