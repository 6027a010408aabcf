package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// harmless are the signals that no waiting call ends for.
var harmless = []syscall.Signal{syscall.SIGCHLD, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCONT}

// A reader and a writer that wait go on through a storm of signals that mean nothing to them, also while the daemon has no descriptor to
// look at them with; and every request has one event.
func TestStormOfHarmlessSignals(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		for _, short := range []bool{false, true} {
			c := d.mkdir("4000000000")
			s := d.stormed(c)
			lift := func() {}
			if short {
				lift = d.limits(unix.RLIMIT_NOFILE, d.withDescriptors(0))
			}
			ended := s.ends(t, func(request int) {
				for range 4 {
					for _, sig := range harmless {
						s.signals(sig)
					}
				}
				for _, tid := range s.threads {
					if request == 0 { // an interrupted request is waited for as nothing but the daemon's answer and SIGKILL can end
						testenv.Eventually(t, "a request being interrupted", func() bool { return threadState(tid) == "D" })
					}
				}
			})
			lift()
			if ended > 0 {
				t.Errorf("%d calls ended with EINTR", ended)
			}
			d.check(os.Remove(d.path(c)))
			t.Logf("%d signals, no descriptor to spare: %v", s.sent, short)
		}
	})
}

// Being stopped ends a waiting call with EINTR, or does not, and every request has one event.
func TestStormOfStops(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		c := d.mkdir("4000000000")
		s := d.stormed(c)
		stops := 0
		ended := s.ends(t, func(request int) {
			s.signals(syscall.SIGURG)
			s.Signal(syscall.SIGSTOP)
			if request%10 == 0 { // otherwise it may be taken back before anyone has seen it
				testenv.Eventually(t, "being stopped", func() bool {
					return threadState(s.threads[0]) == "T" && threadState(s.threads[1]) == "T"
				})
				stops++
			}
			s.Signal(syscall.SIGCONT)
		})
		d.check(os.Remove(d.path(c)))
		t.Logf("%d signals, %d stops, %d calls ended with EINTR", s.sent+2*stormRequests, stops, ended)
	})
}

// A Go client, whose calls the runtime's own signals interrupt all the time, does its job while others come too.
func TestGoClientInAStorm(t *testing.T) {
	command := compiled("go", "build", "-o", "client", "./clients/goclient")(t, t.TempDir())
	eachEngine(t, func(t *testing.T, d *daemon) {
		file, content := filepath.Join(d.work, "file"), numbered(128<<10)
		d.check(os.WriteFile(file, []byte(content), 0o600))
		p := harness.Start(t, exec.Command(command[0], d.dir, file, d.fifo()))
		sent := 0
		for !p.Ends(0) {
			tids, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Pid())) // it may have ended
			for _, e := range tids {
				tid, err := strconv.Atoi(e.Name())
				d.check(err)
				for _, sig := range harmless {
					if unix.Tgkill(p.Pid(), tid, sig) == nil {
						sent++
					}
				}
			}
			p.Signal(syscall.SIGSTOP)
			p.Signal(syscall.SIGCONT)
		}
		if p.Status() != 0 || p.Said.String() != "" {
			t.Errorf("%v: %s", p.Cmd.ProcessState, harness.Tail(p.Said.String()))
		}
		after, err := os.ReadFile(file)
		d.check(err)
		if string(after) != content+"written\n" {
			t.Errorf("the file ends in %q", after[max(0, len(after)-16):])
		}
		t.Logf("%d signals", sent)
	})
}
