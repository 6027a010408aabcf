package fsnode

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// open is a plain open(2): no runtime that waits on EAGAIN in between.
func open(t *testing.T, name string, flags int) int {
	t.Helper()
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(name, ": ", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// fullContext is ctx/1 without a free slot: its only one holds an event that nobody has read.
func fullContext(t *testing.T, m *testMount) (dir string) {
	t.Helper()
	dir = m.context(t, "1")
	write(t, dir+"/submit", "noop tag=1\n")
	return dir
}

// takeEvent reads one completion without waiting, and so frees its slot.
func takeEvent(t *testing.T, dir string) {
	t.Helper()
	fd := open(t, dir+"/events_raw", unix.O_RDONLY|unix.O_NONBLOCK)
	if n, err := unix.Read(fd, make([]byte, 32)); n != 32 {
		t.Fatal(n, err)
	}
}

// A writer that waits for a slot holds up nobody else who opens submit, however: `>` would take the lock it holds.
func TestEchoBesideAWaitingWriter(t *testing.T) {
	for _, shell := range shells(t) {
		m := newMount(t)
		dir := fullContext(t, m)
		waiting := m.sh(t, shell, `echo noop tag=2 >ctx/1/submit; echo done`)
		waiting.waitsIn(unix.SYS_WRITE, "submit")

		others := m.sh(t, shell, `cd ctx/1; echo '#' >submit && echo '#' >>submit && echo fine
			echo nonsense >submit || echo refused`)
		if out, errs, _ := others.result(); out != "fine\nrefused\n" {
			t.Errorf("%s: %q %q", shell, out, errs)
		}
		fd := open(t, dir+"/submit", unix.O_WRONLY|unix.O_NONBLOCK|unix.O_TRUNC)
		_, err := unix.Write(fd, []byte("noop tag=3\n"))
		wantErrno(t, "O_NONBLOCK", err, syscall.EAGAIN)
		if !waiting.running() {
			t.Error("the writer did not wait")
		}
		takeEvent(t, dir)
		if out := waiting.wait(); out != "done\n" {
			t.Errorf("the writer: %q", out)
		}
	}
}

// Two writers on one open file wait as one that can be interrupted does: in state S, not for the inode's lock in D.
func TestWritersOfOneDescriptorSleepInterruptibly(t *testing.T) {
	m := newMount(t)
	dir := fullContext(t, m)
	file := filepath.Join(t.TempDir(), "pid")
	c := m.sh(t, "sh", `exec 3>ctx/1/submit; echo noop >&3 & echo $! >`+file+`; echo noop >&3; wait; echo done`)
	c.waitsIn(unix.SYS_WRITE, "submit")
	child := 0
	testenv.Eventually(t, "the shell tells its child", func() bool {
		b, _ := os.ReadFile(file)
		child, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return child > 0
	})
	c.pidWaitsIn(child, unix.SYS_WRITE, "submit")
	for _, pid := range []int{child, c.cmd.Process.Pid} {
		testenv.Eventually(t, "sleeps interruptibly", func() bool { return strings.HasPrefix(state(pid), "S") })
	}
	for range 2 {
		takeEvent(t, dir)
		testenv.Eventually(t, "the next request is accepted", func() bool { return strings.Contains(read(t, dir+"/stat"), "in_ring 1\n") })
	}
	if out := c.wait(); out != "done\n" {
		t.Errorf("%q", out)
	}
}

func TestAppend(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	for range 2 {
		fd := open(t, dir+"/submit", unix.O_WRONLY|unix.O_APPEND)
		for range 2 {
			if n, err := unix.Write(fd, []byte("noop\n")); n != 5 || err != nil {
				t.Errorf("append: %d %v", n, err)
			}
		}
	}
	if got := read(t, dir+"/stat"); !strings.Contains(got, "submitted 4\n") {
		t.Error(got)
	}
}

func TestRefusedText(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	fd := open(t, dir+"/submit", unix.O_WRONLY)
	text := "noop tag=1\nnoop tag=2\nnoop bad=3\nnoop tag=4\n"
	n, err := unix.Write(fd, []byte(text))
	if want := len("noop tag=1\nnoop tag=2\n"); n != want || err != nil {
		t.Errorf("took %d %v, want %d bytes", n, err, want)
	}
	_, err = unix.Write(fd, []byte(text[n:]))
	wantErrno(t, "the rest", err, syscall.EINVAL)
	if got := read(t, dir+"/error_log"); !strings.HasPrefix(got, "line=3 EINVAL ") || !strings.Contains(got, "bad") {
		t.Errorf("error_log %q", got)
	}
}

// A request goes on in the next write, and one that is still cut at the last close was none.
func TestCutRequest(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	fd, err := unix.Open(dir+"/submit", unix.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"noop ta", "g=55", "55\nnoop tag=1"} {
		if n, err := unix.Write(fd, []byte(p)); n != len(p) || err != nil {
			t.Errorf("%q: %d %v", p, n, err)
		}
	}
	buf := make([]byte, 4096)
	n, _ := unix.Read(open(t, dir+"/events", unix.O_RDONLY|unix.O_NONBLOCK), buf)
	if got := string(buf[:max(n, 0)]); !strings.HasPrefix(got, "5555 0 - seq=1 op=noop ") || strings.Count(got, "\n") != 1 {
		t.Errorf("events %q", got)
	}
	unix.Close(fd)
	testenv.Eventually(t, "RELEASE", func() bool { return strings.Contains(read(t, dir+"/stat"), "\ncut 1\n") })
	if got := read(t, dir+"/error_log"); !strings.Contains(got, "noop tag=1") {
		t.Errorf("error_log %q", got)
	}
}

// The kernel splits a large write where it likes, off the grid of 64 bytes: a short count, and nothing lost or doubled.
func TestBinaryWriteSplitByTheKernel(t *testing.T) {
	m := newMount(t)
	const nr = 3 * maxWrite / 64
	dir := m.context(t, strconv.Itoa(nr))
	buf := make([]byte, nr*64+1)[1:] // at an odd address, so at least a byte off any page
	for i := range nr {
		b := buf[i*64:]
		binary.NativeEndian.PutUint64(b, uint64(i)) // aio_data
		binary.NativeEndian.PutUint16(b[16:], 6)    // IOCB_CMD_NOOP
	}
	fd := open(t, dir+"/submit", unix.O_WRONLY|unix.O_NONBLOCK)
	writes := 0
	for rest := buf; len(rest) > 0; writes++ {
		n, err := unix.Write(fd, rest)
		if err != nil || n%64 != 0 {
			t.Fatalf("write of %d: %d %v", len(rest), n, err)
		}
		rest = rest[n:]
	}
	if writes == 1 {
		t.Log("the kernel did not split")
	}
	events := make([]byte, nr*32+32)
	got := 0
	for efd := open(t, dir+"/events_raw", unix.O_RDONLY|unix.O_NONBLOCK); ; {
		n, err := unix.Read(efd, events[got:])
		if err == unix.EAGAIN {
			break
		}
		if err != nil || n%32 != 0 {
			t.Fatal(n, err)
		}
		got += n
	}
	if got != nr*32 {
		t.Fatalf("%d events, want %d", got/32, nr)
	}
	for i := range nr {
		data, obj := binary.NativeEndian.Uint64(events[i*32:]), binary.NativeEndian.Uint64(events[i*32+8:])
		if data != uint64(i) || obj != uint64(i+1) {
			t.Fatalf("event %d: data %d obj %d", i, data, obj)
		}
	}
	_, err := unix.Write(fd, buf[:63])
	wantErrno(t, "under 64 bytes", err, syscall.EINVAL)
}
