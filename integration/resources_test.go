package integration

import "github.com/aiofs/aiofs/ring/testenv"

// holds lists what the daemon has open and mapped.
func (d *daemon) holds() []string {
	d.t.Helper()
	all, err := testenv.Holds(d.proc.Pid())
	d.check(err)
	return all
}
