package integration

import (
	"os"
	"slices"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

// A baseline is what a daemon has at one time.
type baseline struct {
	aioNr    int
	contexts []string
	holds    []string
}

func (d *daemon) baseline() baseline {
	d.t.Helper()
	b := baseline{aioNr: d.aioNr(), holds: d.holds()}
	entries, err := os.ReadDir(d.path("ctx"))
	d.check(err)
	for _, e := range entries {
		b.contexts = append(b.contexts, e.Name())
	}
	return b
}

// withPoller is b and what engine=threads makes when the first file has to be waited for.
func (b baseline) withPoller() baseline {
	b.holds = append(b.holds, pollerHolds...)
	slices.Sort(b.holds)
	return b
}

// returnsTo waits until d has no more than it had: the kernel tells of a last close some time after it. when says after what.
func (d *daemon) returnsTo(b baseline, when string) {
	d.t.Helper()
	var now baseline
	tick, limit := time.NewTicker(time.Millisecond), time.Now().Add(testenv.Patience)
	defer tick.Stop()
	for {
		now = d.baseline()
		more := testenv.Added(b.holds, now.holds)
		if now.aioNr == b.aioNr && slices.Equal(now.contexts, b.contexts) && len(more) == 0 {
			return
		}
		if time.Now().After(limit) {
			d.t.Fatalf("after %s: aio-nr is %d, was %d; contexts %q, were %q; held besides: %q", when, now.aioNr, b.aioNr, now.contexts, b.contexts, more)
		}
		<-tick.C
	}
}
