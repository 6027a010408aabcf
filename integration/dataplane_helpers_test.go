package integration

import (
	"errors"
	"os"
	"syscall"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ring/testenv"
)

// plane maps a context of d until the test ends; where memory is not shared the test ends here.
func (d *daemon) plane(c string) *client.Plane {
	d.t.Helper()
	p, err := client.OpenPlane(d.path(c))
	if errors.Is(err, syscall.ENODEV) {
		d.check(os.Remove(d.path(c)))
		testenv.Lacks(d.t, "memory is not shared here")
	}
	d.check(err)
	d.t.Cleanup(p.Close)
	return p
}

// lane opens one on a context of d until the test ends; where memory is not shared and should be, the test ends here.
func (d *daemon) lane(name, c string, files ...*os.File) client.Lane {
	d.t.Helper()
	if name == "shared" {
		d.plane(c).Close()
	}
	l, err := client.Open(name, d.path(c), files...)
	d.check(err)
	d.t.Cleanup(l.Close)
	return l
}
