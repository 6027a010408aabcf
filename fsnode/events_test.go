package fsnode

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The recipes of README: events end as a FIFO does, when nobody has submit open and nothing is left.
func TestEventsEnd(t *testing.T) {
	for _, shell := range shells(t) {
		m := newMount(t)
		c := m.sh(t, shell, `exec 9<ctx/new; read -r n <&9; c=ctx/$n
			echo "pread len=100 tag=1 $0/../file" >$c/submit; cat $c/events | cut -d' ' -f1-2
			echo noop tag=2 >$c/submit; while read -r tag res rest; do echo $tag $res; done <$c/events
			{ for i in 3 4 5; do echo noop tag=$i; done; } >$c/submit; cat $c/events | while read -r tag rest; do echo $tag; done`)
		if got := strings.Join(strings.Fields(c.wait()), " "); got != "1 -2 2 0 3 4 5" {
			t.Errorf("%s: %q", shell, got)
		}
	}
}

func TestEventsNonblock(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	submit := open(t, dir+"/submit", unix.O_WRONLY)
	for _, name := range []string{"events", "events_raw"} {
		fd := open(t, dir+"/"+name, unix.O_RDONLY|unix.O_NONBLOCK)
		buf := make([]byte, 4096)
		_, err := unix.Read(fd, buf)
		wantErrno(t, name, err, syscall.EAGAIN)
		unix.Write(submit, []byte("noop\n"))
		if n, err := unix.Read(fd, buf); n <= 0 || err != nil {
			t.Errorf("%s: %d %v", name, n, err)
		}
		_, err = unix.Pread(fd, buf, 0)
		wantErrno(t, name+": pread", err, syscall.ESPIPE)
	}
	fd := open(t, dir+"/events_raw", unix.O_RDONLY)
	_, err := unix.Read(fd, make([]byte, 31))
	wantErrno(t, "too small for an event", err, syscall.EINVAL)
}

// What is written to events makes reads of that descriptor io_getevents.
func TestEventsConfigured(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	submit := open(t, dir+"/submit", unix.O_WRONLY)
	fd := open(t, dir+"/events_raw", unix.O_RDWR)
	buf := make([]byte, 4096)
	for _, c := range []struct {
		config, submit string
		want           int // events
	}{
		{"min=2 timeout=1ms", "", 0}, {"min=2 timeout=1ms\n", "noop\n", 1}, {"min=0 timeout=inf", "", 0}, {"timeout=0ms", "noop\n", 1},
		{"min=3 timeout=inf", "noop\nnoop\nnoop\n", 3},
	} {
		if n, err := unix.Write(fd, []byte(c.config)); n != len(c.config) || err != nil {
			t.Errorf("%q: %d %v", c.config, n, err)
		}
		if c.submit != "" {
			unix.Write(submit, []byte(c.submit))
		}
		if n, err := unix.Read(fd, buf); n != c.want*32 || err != nil {
			t.Errorf("%q: %d %v, want %d events", c.config, n, err, c.want)
		}
	}
	_, err := unix.Write(fd, []byte("min=x"))
	wantErrno(t, "min=x", err, syscall.EINVAL)
}

// A read(2) that the kernel splits waits once: its second part finds nothing and ends it.
func TestReadSplitByTheKernel(t *testing.T) {
	m := newMount(t)
	const nr = maxWrite / 32 // what fills one FUSE READ, to the byte
	dir := m.context(t, strconv.Itoa(nr))
	submit := open(t, dir+"/submit", unix.O_WRONLY) // so that there is no end of file
	text := strings.Repeat("noop\n", nr)
	if n, err := unix.Write(submit, []byte(text)); n != len(text) {
		t.Fatal(n, err)
	}
	if got := m.goClient(t, "read-split", dir+"/events_raw").wait(); got != strconv.Itoa(maxWrite)+" <nil>\n" {
		t.Errorf("%q", got)
	}
}

// Go sets O_NONBLOCK on what it opens; that is not looked at.
func TestGoClientWaits(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	submit := open(t, dir+"/submit", unix.O_WRONLY)
	c := m.goClient(t, "os-read", dir+"/events")
	c.waitsIn(unix.SYS_READ, "events")
	unix.Write(submit, []byte("noop tag=7\n"))
	if got := c.wait(); !strings.HasPrefix(got, "7 0 - ") {
		t.Errorf("%q", got)
	}
}
