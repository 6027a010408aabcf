package integration

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// limits sets the soft limit of a resource of d, and returns what lifts it again.
func (d *daemon) limits(resource int, to uint64) (lift func()) {
	d.t.Helper()
	var was unix.Rlimit
	d.check(unix.Prlimit(d.proc.Pid(), resource, nil, &was))
	d.check(unix.Prlimit(d.proc.Pid(), resource, &unix.Rlimit{Cur: to, Max: was.Max}, nil))
	return func() { d.check(unix.Prlimit(d.proc.Pid(), resource, &was, nil)) }
}

// withDescriptors is the limit that leaves d so many descriptors.
func (d *daemon) withDescriptors(n int) uint64 {
	d.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.proc.Pid()))
	d.check(err)
	var used []int
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		d.check(err)
		used = append(used, fd)
	}
	limit := 0
	for ; n > 0 || slices.Contains(used, limit); limit++ {
		if !slices.Contains(used, limit) {
			n--
		}
	}
	return uint64(limit)
}

// With every number of descriptors to spare, from none to enough, a client gets EMFILE where there is none, with a line in error_log, and
// others notice nothing; nothing is left, and once there are enough again everything works.
func TestFewDescriptors(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		around := d.bystanders()
		l := d.newLife()
		b := d.baseline().withPoller()
		failures, n := 0, 0
		for ; ; n++ {
			lift := d.limits(unix.RLIMIT_NOFILE, d.withDescriptors(n))
			failed := l.live()
			d.returnsTo(b, fmt.Sprint("a life with descriptors: ", n))
			lift()
			allFor(t, failed, syscall.EMFILE)
			// A context whose maker could not be looked at would have fewer rights than he has.
			if steps := fmt.Sprint(failed); n == 0 && (!strings.Contains(steps, "mkdir: ") || !strings.Contains(steps, "new: ")) {
				t.Errorf("without a descriptor: %v", failed)
			}
			if failures += len(failed); len(failed) == 0 {
				break
			}
		}
		if failed := l.live(); len(failed) > 0 {
			t.Errorf("with the limit lifted: %v", failed)
		}
		d.returnsTo(b, "a life")
		d.unharmed(around)
		t.Logf("%d failures with 0 to %d descriptors to spare", failures, n)
	})
}

// allFor fails the test where something failed for another reason.
func allFor(t *testing.T, failed []failure, errno syscall.Errno) {
	t.Helper()
	for _, f := range failed {
		if !errors.Is(f.err, errno) {
			t.Errorf("%v; want %v", f, errno)
		}
	}
}

// What is larger than the daemon may make a file gets EFBIG, and what there is no address space for ENOMEM. Lifting the limit is enough.
func TestSmallLimits(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { smallLimits(t, mount(t, "engine="+engine, "max_buf=8G")) })
	}
}

func smallLimits(t *testing.T, d *daemon) {
	around := d.bystanders()
	l := d.newLife()
	b := d.baseline().withPoller()
	lift := d.limits(unix.RLIMIT_FSIZE, 4096)
	failed := l.live()
	lift()
	if allFor(t, failed, syscall.EFBIG); len(failed) == 0 {
		t.Error("nothing was too big")
	}
	d.returnsTo(b, "a life with small files")

	c := d.mkdir("4200000000")
	d.check(os.Truncate(d.path(c, "buf"), 4<<30))
	lift = d.limits(unix.RLIMIT_AS, d.addressSpace()+2<<30)
	if err := os.WriteFile(d.path(c, "buf"), []byte("x"), 0); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("writing to a buf that there is no room for: %v", err)
	}
	d.put("pread tag=1 len=1 buf=0 /dev/zero\n", c, "submit")
	if got := d.get(c, "events"); !strings.HasPrefix(got, "1 -12 ENOMEM ") {
		t.Errorf("reading to a buf that there is no room for: %s", got)
	}
	lift()
	d.check(os.WriteFile(d.path(c, "buf"), []byte("x"), 0))
	d.put("pread tag=1 len=1 buf=0 /dev/zero\n", c, "submit")
	if got := d.get(c, "events"); !strings.HasPrefix(got, "1 1 - ") {
		t.Errorf("with the limit lifted: %s", got)
	}
	d.check(os.Remove(d.path(c)))
	if failed := l.live(); len(failed) > 0 {
		t.Errorf("with the limits lifted: %v", failed)
	}
	d.returnsTo(b, "a life")
	d.unharmed(around)
}

// addressSpace is how many bytes of it d has: the first of proc_pid_statm(5).
func (d *daemon) addressSpace() uint64 {
	d.t.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", d.proc.Pid()))
	d.check(err)
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
	d.check(err)
	return pages * uint64(os.Getpagesize())
}
