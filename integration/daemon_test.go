package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

var engines = []string{"threads", "uring"}

// A daemon is the program on a mount of its own.
type daemon struct {
	t      *testing.T
	dir    string // where it is mounted
	work   string // another directory, for files
	proc   *harness.Process
	before []string // what it held when it had nothing to do
	over   bool     // its end has been looked at
}

// eachEngine runs test on a mount with either engine.
func eachEngine(t *testing.T, test func(t *testing.T, d *daemon)) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { test(t, mount(t, "engine="+engine)) })
	}
}

// mount starts a daemon. When the test ends, it must have come back to what it was and end in order.
func mount(t *testing.T, opts ...string) *daemon {
	t.Helper()
	return mountBy(t, nil, opts...)
}

// mountBy is mount by a command that executes its further arguments.
func mountBy(t *testing.T, words []string, opts ...string) *daemon {
	t.Helper()
	testenv.NeedFuse(t)
	d := &daemon{t: t, dir: t.TempDir(), work: t.TempDir()}
	words = append(words[:len(words):len(words)], harness.Program, d.dir, "-o", strings.Join(opts, ","))
	d.proc = harness.Start(t, exec.Command(words[0], words[1:]...))
	d.proc.Mounts(t)
	watchdog := time.AfterFunc(5*testenv.Patience+2*raceTime(), func() {
		t.Error("the test hangs: the mount is aborted")
		d.abort()
	})
	t.Cleanup(func() {
		defer watchdog.Stop()
		if !d.over && !t.Failed() {
			d.end()
		}
		harness.Abort(d.dir)
		d.proc.Signal(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("the daemon said: %s", harness.Tail(d.proc.Said.String()))
		}
	})
	d.warmUp()
	return d
}

// abort ends the daemon and its mount, whoever waits for it. The daemon prints where everyone is.
func (d *daemon) abort() {
	d.proc.Signal(syscall.SIGQUIT)
	harness.Abort(d.dir)
}

// warmUp makes the daemon set up what it keeps from then on, and notes what it holds.
func (d *daemon) warmUp() {
	d.t.Helper()
	pipe := d.fifo()
	file := filepath.Join(d.work, "warm")
	d.check(os.WriteFile(file, []byte("warm"), 0o600))
	c := d.mkdir("4294967295")
	d.put("pread "+file+"\npwrite str=x "+file+"\nfsync "+file+"\npoll events=in "+pipe+"\n", c, "submit")
	d.put("tag=4\n", c, "cancel")
	if got := strings.Count(d.get(c, "events"), "\n"); got != 4 {
		d.t.Fatalf("%d events of 4", got)
	}
	d.get(c, "out/1")
	d.check(os.Remove(filepath.Join(d.dir, c)))
	d.idle()
	d.before = append(d.holds(), pollerHolds...)
	slices.Sort(d.before)
}

// pollerHolds is what the poller of engine=threads has. It is made when the first file has to be waited for.
var pollerHolds = []string{"descriptor of anon_inode:[eventfd]", "descriptor of anon_inode:[eventpoll]"}

// end checks that the daemon has come back to what it was, and ends it.
func (d *daemon) end() {
	d.t.Helper()
	d.back()
	d.stop(0)
}

// back waits until the daemon holds no more than it did. Only contexts made by mkdir may be left: they are removed.
func (d *daemon) back() {
	d.t.Helper()
	dirs, err := os.ReadDir(filepath.Join(d.dir, "ctx"))
	d.check(err)
	for _, e := range dirs {
		err := os.Remove(filepath.Join(d.dir, "ctx", e.Name()))
		if e.IsDir() && err != nil && !errors.Is(err, os.ErrNotExist) { // one made through new goes by itself
			d.t.Error(err)
		}
	}
	d.idle()
	var more []string
	tick, limit := time.NewTicker(5*time.Millisecond), time.Now().Add(testenv.Patience)
	defer tick.Stop()
	for {
		if more = testenv.Added(d.before, d.holds()); len(more) == 0 {
			return
		}
		if time.Now().After(limit) {
			d.t.Errorf("the daemon holds more than before: %q", more)
			return
		}
		<-tick.C
	}
}

// stop ends the daemon by SIGTERM and looks at what it leaves.
func (d *daemon) stop(status int) {
	d.t.Helper()
	d.proc.Signal(syscall.SIGTERM)
	d.ended(status)
}

// ended waits for the end of the daemon.
func (d *daemon) ended(status int) {
	d.t.Helper()
	d.over = true
	if !d.proc.Ends(testenv.Patience) {
		d.abort()
		d.t.Fatal("the daemon does not end")
	}
	d.proc.Ended(d.t, d.dir, status)
}
