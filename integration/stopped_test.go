package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

func init() { roles["consumer"] = consume }

const (
	consumed      = 200
	consumerSlots = 16
)

// consume is a process that takes events whose tags count up from 0, each once. args are a lane and the directory of a context.
func consume(args []string) error {
	l, err := client.Open(args[0], args[1])
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("consumes")
	seen := map[uint64]bool{}
	for len(seen) < consumed {
		answers, err := l.Next()
		if err != nil {
			return fmt.Errorf("after %d events: %w", len(seen), err)
		}
		for _, a := range answers {
			if a.Tag >= consumed || seen[a.Tag] || a.Res != 0 {
				return fmt.Errorf("event %+v", a)
			}
			seen[a.Tag] = true
		}
	}
	return nil
}

// A consumer is stopped while it waits. Its ring fills, then who submits to it gets EAGAIN, and all others go on. When it is continued it
// gets every event once.
func TestStoppedConsumer(t *testing.T) {
	for _, lane := range []string{"text", "raw", "shared"} {
		t.Run(lane, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, d *daemon) {
				around := d.bystanders()
				l := d.newLife()
				c := d.mkdir("4000000000")
				d.put(fmt.Sprintln(consumerSlots), c, "nr_events")
				cmd := exec.Command("/proc/self/exe", lane, d.path(c))
				cmd.Env = append(os.Environ(), harness.RoleEnv+"=consumer")
				p := harness.Start(t, cmd)
				p.Says(t, "consumes")
				p.Signal(syscall.SIGSTOP)
				testenv.Eventually(t, "all of it being stopped", func() bool { return allStopped(t, p.Pid()) })

				submit, err := syscall.Open(d.path(c, "submit"), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
				d.check(err)
				defer syscall.Close(submit)
				tag := 0
				for err == nil {
					if err = writeNoop(submit, tag); err == nil {
						tag++
					}
				}
				if tag != consumerSlots || !errors.Is(err, syscall.EAGAIN) {
					t.Errorf("%d requests of %d were taken, then %v", tag, consumerSlots, err)
				}
				if failed := l.live(); len(failed) > 0 {
					t.Errorf("others: %v", failed)
				}
				p.Signal(syscall.SIGCONT)
				for ; tag < consumed; tag++ {
					testenv.Eventually(t, "a slot", func() bool { return !errors.Is(writeNoop(submit, tag), syscall.EAGAIN) })
				}
				if !p.Ends(testenv.Patience) || p.Status() != 0 {
					t.Errorf("the consumer: %v: %s", p.Cmd.ProcessState, harness.Tail(p.Said.String()))
				}
				d.check(os.Remove(d.path(c)))
				d.unharmed(around)
			})
		})
	}
}

func writeNoop(submit, tag int) error {
	_, err := client.IgnoringEINTR(func() (int, error) { return syscall.Write(submit, fmt.Appendf(nil, "noop tag=%d\n", tag)) })
	return err
}

// allStopped says whether all threads of a process are.
func allStopped(t *testing.T, pid int) bool {
	t.Helper()
	tids, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range tids {
		tid, err := strconv.Atoi(e.Name())
		if err != nil || threadState(tid) != "T" {
			return false
		}
	}
	return true
}
