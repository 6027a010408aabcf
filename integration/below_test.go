package integration

import (
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ring/testenv"
)

// What a file system does to a request comes in its event, once, with its errno and its bytes, beside what else is in flight in this
// context and in others, and whichever way it was submitted. What hangs holds nobody else up, nor a rmdir, and comes when it is answered.
func TestFaultsFromBelow(t *testing.T) {
	const requests, hang = 1000, 6
	seed := testenv.Seed(t)
	eachEngine(t, func(t *testing.T, d *daemon) {
		h := mountHangFS(t)
		var all []*victim
		for i, lane := range client.Lanes {
			all = append(all, d.victim(h, lane, i, rand.New(rand.NewPCG(seed, uint64(i)))))
		}
		suffer := func(v *victim) error { return v.suffers(requests, hang) }
		together(t, all, suffer)
		for _, v := range all {
			if got := strings.Count(d.get(v.context, "inflight"), "\n"); got != hang || v.hanging() != hang {
				t.Errorf("%s: %d requests in flight, %d of them hang, want %d", v.context, got, v.hanging(), hang)
			}
		}
		together(t, all, func(v *victim) error { return v.stored(h) })

		d.check(os.Remove(d.path(all[0].context)))
		left := all[1:]
		together(t, left, suffer)
		h.proc.Signal(syscall.SIGTERM) // it answers what hangs
		together(t, left, func(v *victim) error { return v.Settle(0, v.look) })
		met, events := map[fault]int{}, 0
		for _, v := range all {
			v.Close()
			events += int(v.tag) - len(v.Flying)
			for f, n := range v.met {
				met[f] += n
			}
		}
		for _, v := range left {
			d.check(os.Remove(d.path(v.context)))
		}
		h.release(t)
		t.Logf("%d events, blocks with faults: %v", events, met)
	})
}
