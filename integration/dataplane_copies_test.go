package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ring"
)

// What is read through sq goes from the device or the page cache into memory that the client has mapped, and through no other: the
// daemon and the client together call read(2) and write(2) for next to nothing. io_uring's own transfers are not among what
// proc_pid_io(5) counts, the calls of the threads engine are.
func TestPlaneCopiesNothing(t *testing.T) {
	d := mount(t, "engine=uring")
	content := make([]byte, 64<<20)
	for i := range content {
		content[i] = byte(i / 511)
	}
	file := filepath.Join(d.work, "file")
	d.check(os.WriteFile(file, content, 0o600))
	for _, open := range []string{"rdonly,direct", "rdonly"} {
		c := d.mkdir("4000000000")
		d.check(os.Truncate(d.path(c, "buf"), planeDepth*planeBlock))
		err := writeFile(d.path(c, "files"), fmt.Sprintf("open 0 open=%s %s\n", open, file))
		if err == syscall.EINVAL && open != "rdonly" { // no O_DIRECT here
			continue
		}
		d.check(err)
		p := d.plane(c)
		before := d.carried()
		for at := 0; at < len(content); at += planeDepth * planeBlock {
			if got := d.readBlocks(p, int64(at)); !bytes.Equal(got, content[at:at+len(got)]) {
				t.Fatalf("%s: other bytes than the file's at %d", open, at)
			}
		}
		if carried := d.carried() - before; carried > len(content)/1000 {
			t.Errorf("%s: %d bytes by read and write for %d bytes read", open, carried, len(content))
		}
		d.check(os.Remove(d.path(c)))
	}
}

const (
	planeBlock = 1 << 20
	planeDepth = 8
)

// readBlocks reads as many blocks as are in flight at once, and returns where they lie.
func (d *daemon) readBlocks(p *client.Plane, at int64) []byte {
	d.t.Helper()
	for i := range int64(planeDepth) {
		p.Push(client.SharedRead(uint64(i), 0, uint64(i)*planeBlock, planeBlock, at+i*planeBlock))
	}
	d.check(p.Publish())
	events := make([]ring.IOEvent, planeDepth)
	for n := 0; n < planeDepth; {
		m, err := p.Reap(events)
		d.check(err)
		n += m
	}
	return p.Buf[:planeDepth*planeBlock]
}

// carried is how many bytes the daemon and the test have moved by read and write, in all variants of these calls.
func (d *daemon) carried() (n int) {
	d.t.Helper()
	for _, process := range []string{fmt.Sprint(d.proc.Pid()), "self"} {
		text, err := os.ReadFile("/proc/" + process + "/io")
		d.check(err)
		var rchar, wchar int
		_, err = fmt.Sscanf(string(text), "rchar: %d\nwchar: %d", &rchar, &wchar)
		d.check(err)
		n += rchar + wchar
	}
	return n
}
