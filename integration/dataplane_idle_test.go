package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// After a burst through sq the daemon leaves the machine alone, and also while iocbs wait for slots that nobody frees.
func TestPlaneLeavesMachineAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		c := d.mkdir("4000000000")
		d.put("64\n", c, "nr_events")
		p := d.plane(c)
		events := make([]ring.IOEvent, 64)
		for range 1000 {
			for tag := range uint64(32) {
				if !p.Push(client.Noop(tag)) {
					t.Fatal("sq is full")
				}
			}
			d.check(p.Publish())
			for n := 0; n < 32; {
				m, err := p.Reap(events)
				d.check(err)
				n += m
			}
		}
		d.becomesIdle("after a burst")
		for full := false; !full; {
			full = !p.Push(client.Noop(1))
		}
		d.check(p.Publish())
		for p.Push(client.Noop(1)) {
		}
		d.check(p.Publish())
		testenv.Eventually(t, "all slots being used", func() bool { return d.stat(c, "completed") == 32*1000+64 })
		d.becomesIdle("while requests wait for slots")
	})
}

// becomesIdle waits for a second in which d uses next to no processor. A poller that never sleeps does not let one come about even
// where it has to share the processor with a dozen others.
func (d *daemon) becomesIdle(when string) {
	d.t.Helper()
	const enough = 4 // of 100 ticks
	var used []int
	for range 20 {
		before := d.ticks()
		<-time.After(time.Second)
		used = append(used, d.ticks()-before)
		if used[len(used)-1] <= enough {
			return
		}
	}
	d.t.Errorf("%s: processor ticks used, second by second: %d", when, used)
}

// ticks are the hundredths of a second that d has used: utime and stime of proc_pid_stat(5).
func (d *daemon) ticks() int {
	d.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.proc.Pid()))
	d.check(err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	utime, err := strconv.Atoi(f[11])
	d.check(err)
	stime, err := strconv.Atoi(f[12])
	d.check(err)
	return utime + stime
}
