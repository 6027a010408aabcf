package soak

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A fleet is the clients of a daemon: soakers, of which one dies now and then and another takes its place.
type fleet struct {
	*daemon
	rng    *rand.Rand
	work   string // where each has a directory
	lanes  []string
	all    []*running
	ids    int
	counts counts // of those that were not killed
}

type running struct {
	*harness.Process
	stdin io.Closer
	id    int
	dir   string
}

const (
	fleetSize   = 4
	seldomKills = 4 * time.Second // at most so long between two
	dataSize    = 1<<20 + 123
)

func newFleet(d *daemon, rng *rand.Rand) *fleet {
	d.t.Helper()
	f := &fleet{daemon: d, rng: rng, work: d.t.TempDir(), lanes: client.Lanes, counts: counts{}}
	if err := os.WriteFile(f.data(), client.Pattern(0, dataSize), 0o600); err != nil {
		d.t.Fatal(err)
	}
	dir := filepath.Join(d.dir, "ctx/1")
	if err := os.Mkdir(dir, 0o700); err != nil {
		d.t.Fatal(err)
	}
	p, err := client.OpenPlane(dir)
	if errors.Is(err, syscall.ENODEV) {
		f.lanes = f.lanes[:len(f.lanes)-1]
		d.t.Run("shared", func(t *testing.T) { testenv.Lacks(t, "memory is not shared here") })
	} else if err != nil {
		d.t.Fatal(err)
	}
	p.Close()
	if err := os.Remove(dir); err != nil {
		d.t.Fatal(err)
	}
	return f
}

// data is the path of what all read.
func (f *fleet) data() string { return filepath.Join(f.work, "data") }

// launch starts a client.
func (f *fleet) launch() {
	f.t.Helper()
	f.ids++
	r := &running{id: f.ids, dir: filepath.Join(f.work, strconv.Itoa(f.ids))}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", f.dir, r.dir, f.data(), strconv.Itoa(r.id), strconv.FormatUint(f.rng.Uint64(), 10), strings.Join(f.lanes, ","))
	cmd.Env = append(os.Environ(), harness.RoleEnv+"=soaker")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	r.Process, r.stdin = harness.Start(f.t, cmd), stdin
	f.all = append(f.all, r)
}

// run lets clients work for so long, kills one now and then, once at least, and waits for the others to finish what they began.
func (f *fleet) run(long time.Duration) {
	f.t.Helper()
	for range fleetSize {
		f.launch()
	}
	over := time.After(long)
	for going := true; going; {
		select {
		case <-over:
			going = false
		case <-time.After(time.Duration(f.rng.Int64N(int64(seldomKills)))):
		}
		f.kill(f.rng.IntN(fleetSize))
	}
	for _, r := range f.all {
		r.stdin.Close() // which fails where it has ended, as finish will find
	}
	for _, r := range f.all {
		f.finish(r)
	}
	f.all = nil
}

// kill ends a client without warning, wherever it is.
func (f *fleet) kill(i int) {
	f.t.Helper()
	r := f.all[i]
	r.Says(f.t, soaking)
	r.Signal(syscall.SIGKILL)
	if !r.Ends(testenv.Patience) {
		f.t.Fatal("a client outlives SIGKILL")
	}
	if s := r.Cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGKILL {
		f.t.Fatalf("client %d: %v: %s", r.id, r.Cmd.ProcessState, harness.Tail(r.Said.String()))
	}
	f.counts["clients killed"]++
	f.bury(r)
	f.launch()
	f.all[i], f.all = f.all[len(f.all)-1], f.all[:len(f.all)-1]
}

// bury removes what a client has left.
func (f *fleet) bury(r *running) {
	f.t.Helper()
	entries, err := os.ReadDir(filepath.Join(f.dir, "ctx"))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range entries {
		if n, err := strconv.ParseUint(e.Name(), 10, 32); err == nil && uint32(n)/numbersEach == firstNumber(r.id)/numbersEach {
			if err := os.Remove(filepath.Join(f.dir, "ctx", e.Name())); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	if err := os.RemoveAll(r.dir); err != nil {
		f.t.Fatal(err)
	}
}

// finish waits for the end of a client that was told to end, and has its report.
func (f *fleet) finish(r *running) {
	f.t.Helper()
	if !r.Ends(testenv.Patience) {
		r.Signal(syscall.SIGQUIT) // it says where everyone is
		r.Ends(testenv.Patience)
	}
	_, report, ok := strings.Cut(r.Said.String(), soaking)
	had := counts{}
	if err := json.Unmarshal([]byte(report), &had); r.Status() != 0 || !ok || err != nil {
		f.t.Fatalf("client %d: %v, %v: %s", r.id, r.Cmd.ProcessState, err, harness.Tail(r.Said.String()))
	}
	f.counts.add(had)
	f.bury(r)
}
