package integration

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// SIGTERM and an unmount end the daemon after its grace, whatever is in flight. What can be cancelled is, a hung open included; a hung
// read is named in the log. The kernel lets a process with a hung call go when the call is answered, so until then the log says that it
// is done.
func TestEndWithRequestsInFlight(t *testing.T) {
	for name, end := range map[string]func(d *daemon) error{
		"SIGTERM": func(d *daemon) error { d.proc.Signal(syscall.SIGTERM); return nil },
		"umount":  func(d *daemon) error { return syscall.Unmount(d.dir, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, engine := range engines {
				t.Run(engine, func(t *testing.T) { endInFlight(t, engine, end) })
			}
		})
	}
}

func endInFlight(t *testing.T, engine string, end func(d *daemon) error) {
	const grace = 100 * time.Millisecond
	h := mountHangFS(t)
	d := mount(t, "engine="+engine, "grace="+grace.String())
	d.inFlight("1", d.fifo(), h)
	h.hung(t, 2)
	begun := time.Now()
	if err := end(d); errors.Is(err, syscall.EPERM) {
		testenv.Lacks(t, "umount: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, "the daemon saying that it has ended", func() bool {
		return strings.Contains(d.proc.Said.String(), "msg=ended")
	})
	if took := time.Since(begun); took < grace {
		t.Errorf("it ended after %v of a grace of %v", took, grace)
	}
	if harness.Mounted(d.dir) {
		t.Errorf("%s is still mounted", d.dir)
	}
	said := d.proc.Said.String()
	if strings.Count(said, "left in flight") != 1 || !strings.Contains(said, h.path("read")) {
		t.Errorf("only the read is left: %s", said)
	}
	h.release(t)
	d.ended(0)
}

// A mount namespace that was made after the mount has a copy of it, which the unmount does not reach. The daemon ends all the same.
func TestEndWithACopyOfTheMount(t *testing.T) {
	d := mount(t, "engine=threads")
	copied := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo copied; read -r _")
	stdin, err := copied.StdinPipe()
	d.check(err)
	p := harness.Start(t, copied)
	testenv.Eventually(t, "a copy of the mount", func() bool {
		if p.Ends(0) {
			testenv.Lacks(t, "unshare: %s", p.Said)
		}
		return p.Said.String() == "copied\n"
	})
	d.stop(0)
	d.check(stdin.Close())
	if !p.Ends(testenv.Patience) {
		t.Error("a program beside the copy hangs")
	}
}
