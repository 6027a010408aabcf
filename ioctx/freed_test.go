package ioctx

import (
	"runtime"
	"testing"
)

// A context that is freed takes little memory, however many events it had and for however long somebody has a descriptor of it.
func TestFreedContextIsSmall(t *testing.T) {
	const many, events, little = 20, 1 << 16, 64 << 10
	e := threadsEnv(t, Config{NrEvents: events, MaxNr: many * events})
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	var all []*Kioctx
	for i := range uint32(many) {
		c := e.setup(i)
		e.submit(c, "noop\n")
		if err := e.Destroy(i); err != nil {
			t.Fatal(err)
		}
		<-c.gone
		all = append(all, c)
	}
	if after := heap(); after > before+many*little {
		t.Errorf("%d bytes for each of %d contexts that are freed", (after-before)/many, many)
	}
	runtime.KeepAlive(all)
}
