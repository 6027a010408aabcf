package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// noSharing is how a client below clients/ ends where memory is not shared.
const noSharing = 77

// Clients that map sq, ring and buf.
func TestPlaneClients(t *testing.T) {
	for _, client := range []struct {
		name    string
		command func(t *testing.T, dir string) []string
	}{
		{"c", compiled("cc", "-std=c11", "-pedantic", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", "client", "clients/c/plane.c")},
		{"python", interpreted("python3", "plane.py")},
	} {
		t.Run(client.name, func(t *testing.T) {
			command := client.command(t, t.TempDir())
			eachEngine(t, func(t *testing.T, d *daemon) {
				file := filepath.Join(d.work, "file")
				d.check(os.WriteFile(file, []byte(numbered(64<<10)), 0o600))
				r := d.run(exec.Command(command[0], append(command[1:], d.dir, file)...))
				if r.status == noSharing {
					testenv.Lacks(t, "memory is not shared here")
				}
				if r.status != 0 || r.stdout+r.stderr != "" {
					t.Errorf("status %d, it said: %s%s", r.status, harness.Tail(r.stdout), harness.Tail(r.stderr))
				}
			})
		})
	}
}

// Nothing makes what is shared smaller: a size of 0, which `>` sends, succeeds and changes nothing, others are refused.
func TestPlaneKeepsItsSize(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		for _, f := range d.plane(d.mkdir("4000000000")).Files {
			size := func() int64 {
				st, err := f.Stat()
				d.check(err)
				return st.Size()
			}
			before := size()
			d.check(f.Truncate(0))
			if err := f.Truncate(before / 2); err == nil {
				t.Errorf("%s became smaller", f.Name())
			}
			if after := size(); before == 0 || after != before {
				t.Errorf("%s has %d bytes, and then %d", f.Name(), before, after)
			}
		}
	})
}
