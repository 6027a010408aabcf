package integration

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

func init() { roles["planefiller"] = fillPlane }

// A client unmaps, closes and kills in any order, with requests in flight and others in sq. Nothing is left, nor charged: max_buf has
// room for two contexts.
func TestPlaneEndsInAnyOrder(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			d := mount(t, "engine="+engine, "max_buf=2M")
			steps := map[string]func(c string, p *client.Plane){
				"unmap": func(_ string, p *client.Plane) { p.Unmap() },
				"close": func(_ string, p *client.Plane) { p.CloseFiles() },
				"kill":  func(c string, _ *client.Plane) { d.check(os.Remove(d.path(c))) },
			}
			for _, order := range orders([]string{"unmap", "close", "kill"}) {
				c := d.mkdir("4000000000")
				d.slots(c)
				p := d.plane(c)
				fillSQ(p)
				d.check(p.Publish())
				for _, step := range order {
					steps[step](c, p)
				}
				if d.back(); t.Failed() {
					t.Fatalf("in the order %v", order)
				}
			}
		})
	}
}

// orders are all orders of a set.
func orders(of []string) (all [][]string) {
	if len(of) == 0 {
		return [][]string{nil}
	}
	for i, first := range of {
		for _, rest := range orders(slices.Delete(slices.Clone(of), i, i+1)) {
			all = append(all, append([]string{first}, rest...))
		}
	}
	return all
}

// planeSlots are fewer than sq has room for.
const planeSlots = 16

// slots gives a context its slots, and an empty pipe as slot 0 of files.
func (d *daemon) slots(c string) {
	d.t.Helper()
	d.put(fmt.Sprintln(planeSlots), c, "nr_events")
	d.put("open 0 open=rdwr "+d.fifo()+"\n", c, "files")
}

// fillSQ pushes requests that never end, until sq is full.
func fillSQ(p *client.Plane) {
	for tag := uint64(0); p.Push(client.SharedRead(tag, 0, 0, 1, 0)); tag++ {
	}
}

// fillPlane is a client that fills sq, says so, and does nothing more. args are the directory of a context.
func fillPlane(args []string) error {
	p, err := client.OpenPlane(args[0])
	if err != nil {
		return err
	}
	fillSQ(p)
	if err := p.Publish(); err != nil {
		return err
	}
	for p.SQ.Room() < planeSlots { // the daemon takes as many as it has slots for
		runtime.Gosched()
	}
	fillSQ(p)
	if err := p.Publish(); err != nil {
		return err
	}
	fmt.Println("full")
	for { // select {} would end a program without cgo: nothing can wake it
		_ = syscall.Pause()
	}
}

// A client is killed while its sq is full. Its context stays if it was made by mkdir, to be removed, and ends by itself if it was made
// through new.
func TestPlaneClientKilled(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		made := d.mkdir("4000000000")
		d.slots(made)
		d.plane(made).Close() // ends the test where there is no shared memory
		d.killFull(made, nil)
		if got := d.aioNr(); got != planeSlots {
			t.Errorf("aio-nr is %d, want %d", got, planeSlots)
		}
		d.check(os.Remove(d.path(made)))
		d.back()

		alive, err := os.Open(d.path("ctx", "new"))
		d.check(err)
		defer alive.Close()
		number, err := bufio.NewReader(alive).ReadString('\n')
		d.check(err)
		own := "ctx/" + strings.TrimSpace(number)
		d.slots(own)
		d.killFull(own, alive)
		d.back()
	})
}

// killFull runs a client that fills sq and kills it. It inherits alive, which is closed here.
func (d *daemon) killFull(c string, alive *os.File) {
	d.t.Helper()
	cmd := exec.Command("/proc/self/exe", d.path(c))
	cmd.Env = append(os.Environ(), harness.RoleEnv+"=planefiller")
	if alive != nil {
		cmd.ExtraFiles = []*os.File{alive}
	}
	p := harness.Start(d.t, cmd)
	if alive != nil {
		alive.Close()
	}
	testenv.Eventually(d.t, "sq being full", func() bool {
		if p.Ends(0) {
			d.t.Fatalf("the client ended: %s", p.Said)
		}
		return p.Said.String() == "full\n"
	})
	testenv.Eventually(d.t, "all slots being used", func() bool { return strings.Count(d.get(c, "inflight"), "\n") == planeSlots })
	p.Signal(syscall.SIGKILL)
	if !p.Ends(testenv.Patience) {
		d.t.Fatal("a client outlives SIGKILL")
	}
}

// A context is killed while its sq is polled, and never asks for the doorbell. Its client sees DEAD; what came out came once.
func TestPlaneKilledWhilePolled(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			d := mount(t, "engine="+engine, "sq_idle=1m")
			for range 10 {
				c := d.mkdir("4000000000")
				p := d.plane(c)
				pushed := make(chan error, 1)
				some := make(chan struct{})
				go func() { pushed <- pushUntilDead(p, some) }()
				select {
				case <-some:
				case err := <-pushed:
					t.Fatal(err)
				}
				d.check(os.Remove(d.path(c)))
				d.check(<-pushed)
				if !p.Ring.Dead() {
					t.Error("ring does not say DEAD")
				}
				p.Close()
			}
		})
	}
}

// pushUntilDead keeps a ring busy, and closes some when requests have come out of it.
func pushUntilDead(p *client.Plane, some chan struct{}) error {
	pushed, seen := uint64(0), map[uint64]bool{}
	events := make([]ring.IOEvent, 64)
	for end := time.Now().Add(testenv.Patience); !p.SQ.Dead(); {
		if time.Now().After(end) {
			return errors.New("sq never says DEAD")
		}
		for p.Push(client.Noop(pushed)) {
			pushed++
		}
		if err := p.Publish(); err != nil && !errors.Is(err, syscall.EPIPE) {
			return err
		}
		for _, e := range events[:p.Ring.Reap(events)] {
			if e.Data >= pushed || seen[e.Data] || e.Res != 0 {
				return fmt.Errorf("event %+v after %d requests", e, pushed)
			}
			if seen[e.Data] = true; len(seen) == 2000 {
				close(some)
			}
		}
	}
	return nil
}
