package integration

import (
	"fmt"
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
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// hostileTime is how long a client is hostile; AIOFS_HOSTILE=60s says it.
func hostileTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("AIOFS_HOSTILE")); err == nil {
		return d
	}
	return 3 * time.Second
}

// A client writes what it likes over ring, sq and buf, and an honest one beside it, in the same daemon, loses nothing: every tag comes
// once, with its bytes. The daemon lives, does not grow, and gives all back when the contexts are removed and the hostile client is
// killed, in either order.
func TestHostileClient(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		file := filepath.Join(d.work, "file")
		content := numbered(64 << 10)
		d.check(os.WriteFile(file, []byte(content), 0o600))
		honest := d.mkdir("4000000001")
		d.put("open 0 open=rdonly "+file+"\n", honest, "files")
		p := d.plane(honest)

		half := hostileTime() / 2
		for i, killFirst := range []bool{true, false} {
			bad := d.mkdir(strconv.Itoa(4000000002 + i))
			h := d.startHostile(bad, file)
			first := d.readsHonestly(p, content, half/2)
			taken := d.stat(bad, "submitted")
			second := d.readsHonestly(p, content, half/2)
			t.Logf("%d KiB resident, then %d KiB", first, second)
			t.Logf("%d hostile requests", d.stat(bad, "submitted")-taken)
			testenv.Eventually(t, "hostile requests being taken", func() bool { return d.stat(bad, "submitted") > taken+100 })
			if second > first+grows {
				t.Errorf("the daemon grows: %d KiB resident, then %d KiB", first, second)
			}
			if h.Ends(0) {
				t.Fatalf("the hostile client has ended: %s", harness.Tail(h.Said.String()))
			}
			if killFirst {
				d.endHostile(h)
			}
			d.check(os.Remove(d.path(bad)))
			if !killFirst {
				d.readsHonestly(p, content, 0)
				h.Signal(syscall.SIGKILL)
			}
			if !h.Ends(testenv.Patience) {
				t.Fatal("the hostile client does not end")
			}
		}
		d.readsHonestly(p, content, 0)
		p.Close()
	})
}

// grows is how many KiB more may be resident for the garbage that there is at one time and not at another.
const grows = 64 << 10

// startHostile starts a hostile client of a context.
func (d *daemon) startHostile(c, file string) runningRacer {
	d.t.Helper()
	d.put("64\n", c, "nr_events")
	d.put(fmt.Sprintf("open 0 open=rdonly %s\nopen 1 open=rdwr %s\nopen 2 open=rdonly /dev/zero\nopen 3 open=wronly /dev/null\n", file, d.fifo()),
		c, "files")
	cmd := exec.Command("/proc/self/exe", d.path(c))
	cmd.Env = append(os.Environ(), harness.RoleEnv+"=hostile")
	stdin, err := cmd.StdinPipe()
	d.check(err)
	h := runningRacer{harness.Start(d.t, cmd), stdin}
	testenv.Eventually(d.t, "being hostile", func() bool { return strings.HasPrefix(h.Said.String(), "hostile\n") })
	return h
}

// endHostile ends the client in order: it must have met no error that a client could not expect.
func (d *daemon) endHostile(h runningRacer) {
	d.t.Helper()
	h.stdin.Close()
	if !h.Ends(testenv.Patience) {
		h.Signal(syscall.SIGQUIT) // it says where everyone is
		h.Ends(testenv.Patience)
	}
	if h.Status() != 0 {
		d.t.Fatalf("the hostile client: %s", harness.Tail(h.Said.String()))
	}
}

// readsHonestly reads as long as it is told, once at least, with many requests in flight, and checks every byte and every tag. It
// returns the most KiB that were resident in the daemon meanwhile.
func (d *daemon) readsHonestly(p *client.Plane, content string, long time.Duration) (resident int) {
	d.t.Helper()
	const depth, size = 32, 4096
	var offsets [depth]int64 // of the tag in flight at each place, modulo depth
	events := make([]ring.IOEvent, depth)
	tag := uint64(0)
	for end := time.Now().Add(long); tag == 0 || time.Now().Before(end); {
		flying := map[uint64]bool{}
		for range depth {
			off := rand.Int64N(int64(len(content) - size))
			offsets[tag%depth], flying[tag] = off, true
			if !p.Push(client.SharedRead(tag, 0, tag%depth*size, size, off)) {
				d.t.Fatal("sq is full")
			}
			tag++
		}
		d.check(p.Publish())
		for len(flying) > 0 {
			n, err := p.Reap(events)
			d.check(err)
			for _, e := range events[:n] {
				at := e.Data % depth
				if !flying[e.Data] || e.Res != size || string(p.Buf[at*size:][:size]) != content[offsets[at]:][:size] {
					d.t.Fatalf("event %+v after %d requests, with %d in flight", e, tag, len(flying))
				}
				delete(flying, e.Data)
			}
		}
		if tag%(64*depth) == depth {
			resident = max(resident, d.resident())
		}
	}
	d.t.Logf("%d honest reads", tag)
	return resident
}

// resident are the KiB that d has in memory.
func (d *daemon) resident() int {
	d.t.Helper()
	kib, err := testenv.Resident(d.proc.Pid())
	d.check(err)
	return kib
}
