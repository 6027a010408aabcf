package integration

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// inFlight makes context n with requests in flight: a read and a poll of an empty pipe, and a read and an open that nothing can cancel.
func (d *daemon) inFlight(n string, pipe string, h *hangFS) (c string) {
	d.t.Helper()
	c = d.mkdir(n)
	d.put("pread len=1 keep=no "+pipe+"\npoll events=in "+pipe+"\n"+
		"pread len=1 keep=no "+h.path("read")+"\npread len=1 keep=no "+h.path("open")+"\n", c, "submit")
	if got := strings.Count(d.get(c, "inflight"), "\n"); got != 4 {
		d.t.Fatalf("%d requests of 4 in flight", got)
	}
	return c
}

// rmdir does not wait for I/O, and mkdir beside it and of the same number is not held up: all of this happens while calls hang.
func TestRmdirWithRequestsInFlight(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		h := mountHangFS(t)
		pipe, nr := d.fifo(), 0
		for round := range 3 {
			c := d.inFlight("1", pipe, h)
			nr += d.stat(c, "nr_events")
			h.hung(t, 2*(round+1))
			open, err := os.Open(d.path(c, "events"))
			d.check(err)
			d.check(os.Remove(d.path(c)))
			if _, err := open.Read(make([]byte, 100)); !isErrno(err, syscall.EINVAL) {
				t.Errorf("read after the kill: %v", err)
			}
			d.check(open.Close())
			d.mkdir("2")
			d.check(os.Remove(d.path("ctx/2")))
			if got := d.aioNr(); got < nr {
				t.Errorf("aio-nr is %d: given back before the I/O has ended", got)
			}
		}
		c := d.mkdir("1")
		d.put("noop tag=1\n", c, "submit")
		if got := d.get(c, "events"); !strings.HasPrefix(got, "1 0 - ") {
			t.Errorf("events beside the hung ones: %q", got)
		}
		h.release(t)
	})
}

// A blocked writer and a blocked reader are woken by the kill, also where no completion does it.
func TestRmdirWakesWaiters(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		r := s.daemon.run(s.cmd(`
c=$M/ctx/7; mkdir $c; echo 1 > $c/nr_events
echo 'pread len=1 ` + s.fifo() + `' > $c/submit
echo noop > request
cat request > $c/submit & writer=$!
until_stat slot_waits 1
mkdir $M/ctx/8
cat $M/ctx/8/events & reader=$!
until_waits $reader
rmdir $c $M/ctx/8 && mkdir $c && rmdir $c && echo anew
wait $writer; echo $?; wait $reader; echo $?`))
		s.want(r.stdout, "anew\n1\n1\n")
		if strings.Count(r.stderr, "Invalid argument") != 2 {
			t.Errorf("stderr: %s", r.stderr)
		}
	})
}
