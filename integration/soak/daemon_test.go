package soak

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A daemon is the program on a mount of its own.
type daemon struct {
	t    *testing.T
	dir  string // where it is mounted
	proc *harness.Process
}

func start(t *testing.T, engine string) *daemon {
	t.Helper()
	testenv.NeedFuse(t)
	d := &daemon{t: t, dir: t.TempDir()}
	d.proc = harness.Start(t, exec.Command(harness.Program, d.dir, "-o", "engine="+engine))
	d.proc.Mounts(t)
	watchdog := time.AfterFunc(5*testenv.Patience+2*soakTime(), func() {
		t.Error("the test hangs: the mount is aborted")
		d.proc.Signal(syscall.SIGQUIT)
		harness.Abort(d.dir)
	})
	t.Cleanup(func() {
		watchdog.Stop()
		harness.Abort(d.dir)
		d.proc.Signal(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("the daemon said: %s", harness.Tail(d.proc.Said.String()))
		}
	})
	return d
}

// metric is the sum of a family's samples; of a histogram, of its counts.
func (d *daemon) metric(family string) (sum int64) {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "metrics"))
	if err != nil {
		d.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		sample, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name, _, _ := strings.Cut(sample, "{"); name != family {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			d.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// soaked is what the daemon has done.
func (d *daemon) soaked() counts {
	d.t.Helper()
	done := counts{}
	for what, family := range map[string]string{
		"requests": "aiofs_requests_submitted_total", "contexts": "aiofs_contexts_made_total", "cancelled": "aiofs_requests_cancelled_total",
		"bytes": "aiofs_transferred_bytes_total",
	} {
		done[what] = d.metric(family)
	}
	return done
}

// wear is what a daemon that has nothing to do must not have more and more of.
type wear struct {
	holds      []string // descriptors and mappings
	goroutines int64
	threads    int
	resident   int // KiB
}

func (w wear) String() string {
	return fmt.Sprintf("%d descriptors and mappings, %d goroutines, %d threads, %d KiB", len(w.holds), w.goroutines, w.threads, w.resident)
}

// rest waits until nothing is left of what clients did, and looks at the daemon.
func (d *daemon) rest() wear {
	d.t.Helper()
	for _, family := range []string{"aiofs_contexts", "aiofs_nr_events", "aiofs_requests_in_flight", "aiofs_events_in_ring", "aiofs_buffer_bytes"} {
		testenv.Eventually(d.t, family+" being 0", func() bool { return d.metric(family) == 0 })
	}
	submitted, completed := d.metric("aiofs_requests_submitted_total"), d.metric("aiofs_request_duration_seconds_count")
	if submitted != completed {
		d.t.Errorf("%d requests were accepted, %d completed", submitted, completed)
	}
	return d.worn()
}

func (d *daemon) worn() wear {
	d.t.Helper()
	holds, err := testenv.Holds(d.proc.Pid())
	if err != nil {
		d.t.Fatal(err)
	}
	resident, err := testenv.Resident(d.proc.Pid())
	if err != nil {
		d.t.Fatal(err)
	}
	return wear{holds, d.metric("aiofs_goroutines"), d.threads(), resident}
}

// threads counts the daemon's, without io_uring's workers, which the kernel makes and ends.
func (d *daemon) threads() (n int) {
	d.t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/comm", d.proc.Pid()))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, task := range tasks {
		if name, err := os.ReadFile(task); err == nil && !strings.HasPrefix(string(name), "iou-") { // else it has ended
			n++
		}
	}
	return n
}

const (
	moreGoroutines = 16       // that serve FUSE or wait for work, and are not always as many
	moreThreads    = 16       // that Go keeps for as many as have been busy at once
	moreResident   = 32 << 10 // KiB of garbage, and of killed contexts that the kernel has not forgotten
)

// wantFlat waits until the daemon is as it was before.
func (d *daemon) wantFlat(before wear) {
	d.t.Helper()
	after := d.rest()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(testenv.Patience); ; after = d.worn() {
		<-tick.C
		more := testenv.Added(before.holds, after.holds)
		if len(more) == 0 && after.goroutines <= before.goroutines+moreGoroutines && after.threads <= before.threads+moreThreads &&
			after.resident <= before.resident+moreResident {
			break
		}
		if time.Now().After(end) {
			d.t.Errorf("worn: %v, before %v; more than before: %q", after, before, more)
			break
		}
	}
	d.t.Logf("%v; and then %v", before, after)
}

// end ends the daemon by SIGTERM.
func (d *daemon) end() {
	d.t.Helper()
	d.proc.Signal(syscall.SIGTERM)
	if !d.proc.Ends(testenv.Patience) {
		d.proc.Signal(syscall.SIGQUIT)
		d.t.Fatal("the daemon does not end")
	}
	d.proc.Ended(d.t, d.dir, 0)
}
