package ioctx

import (
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring/testenv"
)

// statOf is stat, parsed.
func statOf(t *testing.T, c *Kioctx) map[string]int {
	t.Helper()
	values := make(map[string]int)
	for line := range strings.Lines(string(c.Stat())) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if _, twice := values[key]; !ok || twice {
			t.Fatalf("stat has the line %q", line)
		}
		if key != "engine" {
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			values[key] = n
		}
	}
	return values
}

// completions is the sum over the latency buckets.
func completions(stat map[string]int) int {
	n := stat["usec_more"]
	for key, value := range stat {
		if strings.HasPrefix(key, "usec_lt_") {
			n += value
		}
	}
	return n
}

// While requests come and go, each look at stat shows one moment.
func TestStatIsOfOneMoment(t *testing.T) {
	const nr, requests = 8, 20000
	e := threadsEnv(t, Config{NrEvents: nr})
	c := e.setup(1)
	var taken atomic.Int64
	done := make(chan struct{})
	s := e.submitter(c, false)
	go func() {
		defer s.Close()
		batch := []byte(strings.Repeat("noop\n", 2*nr))
		for range requests / (2 * nr) {
			if _, err := s.Write(batch, self, nil); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	go func() {
		defer close(done)
		r := e.reader(c, true, false)
		defer r.Close()
		for buf := make([]byte, nr*eventSize); ; {
			n, err := r.Read(buf, false, newDeadline(testenv.Patience))
			if n == 0 || err != nil {
				return
			}
			taken.Add(int64(n / eventSize))
		}
	}()
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		before := int(taken.Load())
		v := statOf(t, c)
		if v["submitted"] != v["completed"]+v["in_flight"] || v["completed"] != completions(v) ||
			v["in_flight"]+v["in_ring"] > nr || v["completed"] < before {
			t.Fatalf("%d events were taken, then stat was %v", before, v)
		}
	}
	if v := statOf(t, c); taken.Load() != requests || v["completed"] != requests || v["in_flight"] != 0 || v["in_ring"] != 0 {
		t.Errorf("%d of %d events taken; at the end stat is %v", taken.Load(), requests, v)
	}
}

// As long as nobody takes events, there are as many in the ring as requests have completed, whenever one looks.
func TestStatSeesEventAndCountTogether(t *testing.T) {
	const requests = 4000
	e, f := fakeEnv(t, Config{NrEvents: requests})
	c := e.setup(1)
	e.submit(c, strings.Repeat("noop\n", requests))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, r := range f.inflight() {
			f.queueOf(r).complete(r, 0)
		}
	}()
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		if s := c.snapshot(); uint64(s.inRing) != s.completed() {
			t.Fatalf("%d events are in the ring, and %d requests have completed", s.inRing, s.completed())
		}
	}
}

// A request leaves inflight with its event, not before: here the completion is held up where it puts the event.
func TestNotInFlightMeansEventThere(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\n")
	l := c.live.Load()
	l.completionLock.Lock()
	var done sync.WaitGroup
	done.Go(func() { f.finish(1, 0) })
	for held := 0; held < 1000; runtime.Gosched() {
		if !c.ctxLock.TryLock() {
			held++
			continue
		}
		held = 0
		if c.active.Empty() {
			t.Error("the request is not in flight, and its event is not there")
			held = 1000
		}
		c.ctxLock.Unlock()
	}
	l.completionLock.Unlock()
	done.Wait()
	if s := c.snapshot(); s.inFlight() != 0 || s.inRing != 1 {
		t.Errorf("in the end %d are in flight and %d in the ring", s.inFlight(), s.inRing)
	}
}

func TestStatCounts(t *testing.T) {
	e, f := fakeEnv(t, Config{NrEvents: 16})
	c := e.setup(1)
	if v := statOf(t, c); v["submitted"] != 0 || completions(v) != 0 || v["nr_events"] != 16 {
		t.Errorf("of a new context: %v", v)
	}
	for i, res := range []int64{
		0, -int64(syscall.ENOENT), -int64(syscall.ENOENT), -int64(syscall.EIO), -int64(syscall.ECANCELED), -512,
	} {
		e.submit(c, "noop\n")
		if f.finish(1, res) != 1 {
			t.Fatalf("request %d was not started", i+1)
		}
	}
	e.submit(c, "noop\n")
	v := statOf(t, c)
	for key, want := range map[string]int{
		"submitted": 7, "completed": 6, "in_flight": 1, "in_ring": 6, "failed": 4, "cancelled": 1,
		"failed_ENOENT": 2, "failed_EIO": 1, "failed_other": 1,
	} {
		if v[key] != want {
			t.Errorf("%s is %d, want %d", key, v[key], want)
		}
	}
	if completions(v) != 6 {
		t.Errorf("%d requests in the latency buckets, want 6", completions(v))
	}
}

// The buckets are what their keys say.
func TestTallyLatency(t *testing.T) {
	for _, tt := range []struct {
		nsec int64
		key  string
	}{
		{0, "usec_lt_1"}, {999, "usec_lt_1"}, {1000, "usec_lt_2"}, {1999, "usec_lt_2"}, {2000, "usec_lt_4"}, {1023999, "usec_lt_1024"},
		{1024000, "usec_lt_2048"}, {67108863999, "usec_lt_67108864"}, {67108864000, "usec_more"}, {1 << 62, "usec_more"},
	} {
		var y tally
		y.add(iocb.CmdPread, 7, tt.nsec)
		if text := string(y.appendLatency(nil)); !strings.Contains(text, tt.key+" 1\n") {
			t.Errorf("%d ns are not in %s:\n%s", tt.nsec, tt.key, text)
		}
		if y.bytes[classRead] != 7 || y.completed() != 1 {
			t.Errorf("%d bytes of %d requests", y.bytes[classRead], y.completed())
		}
	}
}

func TestTallyClasses(t *testing.T) {
	for cmd, want := range map[iocb.Cmd]opClass{
		iocb.CmdPread: classRead, iocb.CmdPreadv: classRead, iocb.CmdPwrite: classWrite, iocb.CmdPwritev: classWrite,
		iocb.CmdFsync: classSync, iocb.CmdFdsync: classSync, iocb.CmdPoll: classPoll, iocb.CmdNoop: classNoop,
	} {
		var a, b tally
		a.add(cmd, 5, 3000)
		b.sum(&a)
		b.sum(&a)
		if b.completedOf(want) != 2 || b.completed() != 2 || b.nsec[want] != 6000 {
			t.Errorf("%v is not counted as %s", cmd, opClassNames[want])
		}
		if moves := want <= classWrite; (b.bytes[want] == 10) != moves {
			t.Errorf("%v: %d bytes", cmd, b.bytes[want])
		}
	}
}

// The lines of inflight say what was asked for, and how far it is.
func TestInflightLines(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	f.obey(false)
	c := e.setup(1)
	path := t.TempDir() + "/a file"
	e.openSlot(c, 3, "rdwr,creat", path)
	for _, tt := range []struct{ request, want string }{
		{"pread tag=7 slot=3 len=5 off=1K keep=no", "7 - - seq=1 op=pread usec=N file=slot:3 off=1024 len=5 state=io\n"},
		{"noop", "2 - - seq=2 op=noop usec=N file=- off=0 len=0 state=io\n"},
		{"pread keep=no len=5 " + path, "3 - - seq=3 op=pread usec=N file=path off=0 len=5 state=io " + path + "\n"},
		{"pread keep=no slot=3", "4 - - seq=4 op=pread usec=N file=slot:3 off=0 len=end state=io\n"},
	} {
		e.submit(c, tt.request+"\n")
		var line string
		testenv.Eventually(t, tt.want, func() bool {
			lines := strings.SplitAfter(string(c.Inflight()), "\n")
			line = lines[len(lines)-2]
			return strings.Contains(line, "state=io")
		})
		if got := anyUsec(line); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.request, got, tt.want)
		}
	}
	if err := c.Cancel([]byte("seq=2")); err != nil {
		t.Fatal(err)
	}
	if got := string(c.Inflight()); strings.Count(got, "state=cancel\n") != 1 || strings.Count(got, "state=io") != 3 {
		t.Errorf("after the cancel of one: %q", got)
	}
	f.obey(true)
}

// anyUsec puts N in the place of the age.
func anyUsec(line string) string {
	before, after, _ := strings.Cut(line, " usec=")
	_, after, _ = strings.Cut(after, " ")
	return before + " usec=N " + after
}
