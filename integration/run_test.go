package integration

import (
	"errors"
	"os/exec"
	"syscall"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// result is what has come of a client.
type result struct {
	stdout, stderr string
	status         int
}

// run runs a client of d to its end, and that of all that it started and that holds its output. One that takes too long fails the test: it is
// killed, and the mount aborted, without which it may be beyond killing.
func (d *daemon) run(cmd *exec.Cmd) result {
	d.t.Helper()
	var stdout, stderr harness.Output
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	p := harness.Start(d.t, cmd)
	if !p.Ends(testenv.Patience) {
		d.t.Errorf("%v: still there after %v", cmd, testenv.Patience)
		p.Signal(syscall.SIGKILL)
		d.abort()
		p.Ends(testenv.Patience)
		d.t.Fatalf("stdout: %s\nstderr: %s", harness.Tail(stdout.String()), harness.Tail(stderr.String()))
	}
	var exit *exec.ExitError
	if p.Err != nil && !errors.As(p.Err, &exit) {
		d.t.Fatalf("%v: %v", cmd, p.Err)
	}
	return result{stdout.String(), stderr.String(), p.Status()}
}
