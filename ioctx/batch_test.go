package ioctx

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// Requests that end together have one event each, in their order, with their own results; the slots come back, and who ends twice, or
// was ended by a cancel before, is passed over.
func TestRequestsThatEndTogether(t *testing.T) {
	e, f := fakeEnv(t, Config{NrEvents: 4})
	c := e.setup(1)
	r := e.reader(c, true, true)
	for round := range 3 {
		for tag := range 4 {
			e.submit(c, fmt.Sprintf("noop tag=%d\n", tag))
		}
		rs := f.inflight()
		ends := []int{2, 0, 2, 3, 1, 0}
		if round == 2 {
			c.Cancel([]byte("tag=3\n"))
			ends = []int{2, 0, 1} // the fake engine has told of the other
		}
		q := f.queueOf(rs[0])
		q.mu.Lock()
		q.requests = nil
		q.mu.Unlock()
		var batch []engine.Done
		for _, i := range ends {
			batch = append(batch, engine.Done{Owner: rs[i].Owner, Res: int64(10 + i)})
		}
		rs[1].Owner.(engine.BatchOwner).CompleteBatch(batch)
		buf := make([]byte, 5*eventSize)
		n, err := r.Read(buf, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for ev := buf[:n]; len(ev) > 0; ev = ev[eventSize:] {
			got = append(got, fmt.Sprintf("%d:%d", binary.NativeEndian.Uint64(ev), int64(binary.NativeEndian.Uint64(ev[16:]))))
		}
		want := []string{"2:12", "0:10", "3:13", "1:11"}
		if round == 2 {
			want = []string{"3:-125", "2:12", "0:10", "1:11"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("round %d: events %v, want %v", round, got, want)
		}
	}
	if n := c.reqsActive.Load(); n != 0 {
		t.Errorf("%d requests in flight when all have ended", n)
	}
}
