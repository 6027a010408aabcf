package ioctx

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

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
	c := benchContext(b)
	f, err1 := c.OpenFiles()
	file, err2 := os.CreateTemp(b.TempDir(), "")
	mem, err3 := unix.Mmap(-1, 0, 4096*batch, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	for _, err := range []error{err1, err2, err3, file.Truncate(4096)} {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		f.Close()
		file.Close()
		unix.Munmap(mem)
	})
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
	roundTrips(b, c, requests)
}

// BenchmarkOwnerOf is what a mkdir costs more for its maker's rights.
func BenchmarkOwnerOf(b *testing.B) {
	for b.Loop() {
		OwnerOf(self)
	}
}
