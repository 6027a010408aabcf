package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

func init() { roles["stormed"] = beStormed }

const (
	stormRequests = 150
	stormSlots    = 4
)

// beStormed is the process that signals are sent to. One thread writes more requests than there are slots, the other reads events, and both
// say how often a signal ended a call. args are the directory of a context, in which slot 0 is a pipe.
func beStormed(args []string) error {
	tids, over := make(chan int), make(chan error)
	begin := make(chan struct{})
	for _, work := range []func(dir string) (int, error){writeRequests, readEvents} {
		go func() {
			runtime.LockOSThread()
			tids <- unix.Gettid()
			<-begin
			ended, err := work(args[0])
			fmt.Println("EINTR", ended)
			over <- err
		}()
	}
	fmt.Println("threads", <-tids, <-tids)
	close(begin)
	for range 2 {
		if err := <-over; err != nil {
			return err
		}
	}
	return nil
}

// writeRequests writes one at a time, and says how often a signal ended that.
func writeRequests(dir string) (ended int, err error) {
	fd, err := syscall.Open(filepath.Join(dir, "submit"), syscall.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	for tag := 0; tag < stormRequests; {
		line := fmt.Sprintf("pread slot=0 len=1 keep=no tag=%d\n", tag)
		switch n, err := syscall.Write(fd, []byte(line)); {
		case err == syscall.EINTR:
			ended++
		case err != nil || n != len(line):
			return ended, fmt.Errorf("%d bytes were taken: %w", n, err)
		default:
			tag++
		}
	}
	return ended, nil
}

// readEvents reads until each request has come, and says how often a signal ended that.
func readEvents(dir string) (ended int, err error) {
	fd, err := syscall.Open(filepath.Join(dir, "events"), syscall.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	seen := map[string]bool{}
	for b := make([]byte, 4096); len(seen) < stormRequests; {
		n, err := syscall.Read(fd, b)
		if err == syscall.EINTR {
			ended++
			continue
		}
		if err != nil || n == 0 {
			return ended, fmt.Errorf("after %d events: %d, %w", len(seen), n, err)
		}
		for line := range strings.Lines(string(b[:n])) {
			tag, rest, _ := strings.Cut(line, " ")
			if i, err := strconv.Atoi(tag); err != nil || i >= stormRequests || seen[tag] || !strings.HasPrefix(rest, "1 - ") {
				return ended, fmt.Errorf("event %q", line)
			}
			seen[tag] = true
		}
	}
	return ended, nil
}

// A stormed is the running process.
type stormed struct {
	*harness.Process
	threads [2]int
	pipe    *os.File // of which each byte ends a request
	sent    int      // signals
}

// stormed starts one, in context c.
func (d *daemon) stormed(c string) *stormed {
	d.t.Helper()
	path := d.fifo()
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	d.check(err)
	d.t.Cleanup(func() { pipe.Close() })
	d.put(fmt.Sprintln(stormSlots), c, "nr_events")
	d.put("open 0 open=rdonly "+path+"\n", c, "files")
	cmd := exec.Command("/proc/self/exe", d.path(c))
	cmd.Env = append(os.Environ(), harness.RoleEnv+"=stormed")
	s := &stormed{Process: harness.Start(d.t, cmd), pipe: pipe}
	s.Says(d.t, "\n")
	_, err = fmt.Sscanf(s.Said.String(), "threads %d %d\n", &s.threads[0], &s.threads[1])
	d.check(err)
	testenv.Eventually(d.t, "both waiting", func() bool {
		return d.stat(c, "slot_waits") > 0 && inCall(s.threads[0], s.threads[1])
	})
	return s
}

// inCall says whether threads are in system calls that read or write.
func inCall(tids ...int) bool {
	for _, tid := range tids {
		call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", tid))
		nr, _, _ := strings.Cut(string(call), " ")
		if err != nil || nr != fmt.Sprint(unix.SYS_READ) && nr != fmt.Sprint(unix.SYS_WRITE) {
			return false
		}
	}
	return true
}

// threadState is the state of a thread: proc_pid_stat(5).
func threadState(tid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", tid))
	_, rest, ok := strings.Cut(string(stat), ") ")
	if err != nil || !ok {
		return ""
	}
	return rest[:1]
}

// signals sends a signal to both threads.
func (s *stormed) signals(sig syscall.Signal) {
	for _, tid := range s.threads {
		if unix.Tgkill(s.Pid(), tid, sig) == nil {
			s.sent++
		}
	}
}

// ends ends the requests, with signals before each, and returns how often one ended a call.
func (s *stormed) ends(t *testing.T, signals func(request int)) (ended int) {
	t.Helper()
	for i := range stormRequests {
		signals(i)
		if _, err := s.pipe.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Process.Ends(testenv.Patience) || s.Status() != 0 {
		t.Fatalf("%v: %s", s.Cmd.ProcessState, harness.Tail(s.Said.String()))
	}
	for line := range strings.Lines(s.Said.String()) {
		n := 0
		fmt.Sscanf(line, "EINTR %d\n", &n)
		ended += n
	}
	return ended
}
