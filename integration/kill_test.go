package integration

import (
	"errors"
	"fmt"
	"io"
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

const racers = 10

// raceTime is how long processes race.
func raceTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("AIOFS_RACE")); err == nil {
		return d
	}
	return 2 * time.Second
}

// Ten processes look up, submit, read and cancel while the same contexts are killed and made anew, and others die with their last
// descriptor. No request is lost or completes twice where its context lived, and nothing is left. Then the mount is taken
// away from under them.
func TestRaceAgainstKill(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			d := mount(t, "engine="+engine, fmt.Sprint("nr_events=", ownSlots))
			pipe, file := d.fifo(), filepath.Join(d.work, "file")
			d.check(os.WriteFile(file, []byte(numbered(1)), 0o600))
			for _, n := range living {
				d.mkdir(n)
			}
			d.settle(d.racing(file, pipe, raceTime(), ""))
			d.back()
			gone := d.startRacers(file, pipe, mayUnmountEnv+"=1")
			<-time.After(raceTime() / 4)
			for _, r := range gone[:racers/2] {
				r.Signal(syscall.SIGKILL)
			}
			d.stop(0)
			for _, r := range gone {
				if !r.Ends(testenv.Patience) {
					t.Fatalf("a racer outlives the mount")
				}
				if s := r.Cmd.ProcessState; s.ExitCode() != 0 && s.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Errorf("%v: %s", s, harness.Tail(r.Said.String()))
				}
			}
		})
	}
}

type runningRacer struct {
	*harness.Process
	stdin io.Closer
}

// startRacers starts them and waits until all race.
func (d *daemon) startRacers(file, pipe, env string) []runningRacer {
	d.t.Helper()
	var all []runningRacer
	for i := range racers {
		cmd := exec.Command("/proc/self/exe", d.dir, file, pipe, fmt.Sprint(i+1))
		cmd.Env = append(os.Environ(), harness.RoleEnv+"=racer", env)
		stdin, err := cmd.StdinPipe()
		d.check(err)
		all = append(all, runningRacer{harness.Start(d.t, cmd), stdin})
	}
	for _, r := range all {
		testenv.Eventually(d.t, "racing", func() bool { return strings.HasPrefix(r.Said.String(), "racing\n") })
	}
	return all
}

// racing lets racers race and returns what they reported.
func (d *daemon) racing(file, pipe string, long time.Duration, env string) (reports []string) {
	d.t.Helper()
	all := d.startRacers(file, pipe, env)
	<-time.After(long)
	for _, r := range all {
		d.check(r.stdin.Close())
	}
	for _, r := range all {
		testenv.Eventually(d.t, "the end of a racer", func() bool {
			for _, n := range mortal { // somebody may still wait in one
				if err := os.Remove(d.path("ctx", n)); err != nil && !errors.Is(err, os.ErrNotExist) && !isErrno(err, syscall.EINVAL) {
					d.t.Fatal(err)
				}
			}
			return r.Ends(0)
		})
		if r.Status() != 0 {
			d.t.Fatalf("a racer: %s", harness.Tail(r.Said.String()))
		}
		reports = append(reports, strings.Split(r.Said.String(), "\n")...)
	}
	return reports
}

// settle reads what the living contexts still hold, and compares what was accepted with what came out.
func (d *daemon) settle(reports []string) {
	d.t.Helper()
	accepted, events, kills := map[string][]string{}, map[string][]string{}, 0
	for _, line := range reports {
		f := strings.Fields(line)
		switch {
		case len(f) == 1 && f[0] == "killed":
			kills++
		case len(f) == 3 && f[0] == "accepted":
			accepted[f[1]] = append(accepted[f[1]], f[2])
		case len(f) == 3 && f[0] == "event":
			events[f[1]] = append(events[f[1]], f[2])
		}
	}
	for _, n := range living {
		c := filepath.Join("ctx", n)
		d.put("all\n", c, "cancel")
		d.put("# the last close owes the next reader an end of file\n", c, "submit")
		for line := range strings.Lines(d.get(c, "events")) {
			events[n] = append(events[n], strings.Fields(line)[0])
		}
		d.t.Logf("context %s: %d requests; %d kills of others", n, len(accepted[n]), kills)
		if len(accepted[n]) == 0 || kills == 0 {
			d.t.Errorf("nothing was raced for")
		}
		d.sameTags(n, accepted[n], events[n])
	}
	for _, n := range mortal {
		slices.Sort(events[n])
		slices.Sort(accepted[n])
		if more := testenv.Added(accepted[n], events[n]); len(more) > 0 {
			d.t.Errorf("context %s: %d events too many: %v", n, len(more), more)
		}
	}
}

// sameTags fails unless every request that was accepted has completed once.
func (d *daemon) sameTags(n string, accepted, events []string) {
	d.t.Helper()
	slices.Sort(accepted)
	slices.Sort(events)
	if lost := testenv.Added(events, accepted); len(lost) > 0 {
		d.t.Errorf("context %s: %d requests lost: %v", n, len(lost), lost)
	}
	if more := testenv.Added(accepted, events); len(more) > 0 {
		d.t.Errorf("context %s: %d events too many: %v", n, len(more), more)
	}
}
