package integration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/aiofs/aiofs/integration/internal/client"
)

// The contexts that racers fight for. Mortal ones are killed and made anew all the time, by whoever comes; living ones last as
// long as the race, so that what was accepted there must have come out. The numbers are far from those that new hands out.
var (
	mortal = []string{"4000000001", "4000000002", "4000000003"}
	living = []string{"4000000101", "4000000102"}
)

// A racer is a process that does to the contexts of a mount whatever can be done, in several goroutines, until its stdin ends.
// An errno that must not come ends it. Then it prints what it submitted to the living ones, and what it read: `accepted TAG`, `event TAG`.
type racer struct {
	ctx, file, pipe string
	tags            atomic.Uint64
	stop            chan struct{}

	mu     sync.Mutex
	report []string // guarded by mu
	err    error    // guarded by mu; the first
}

// race is the process. args are the mount, a file, an empty pipe and a number of its own.
func race(args []string) error {
	id, err := strconv.ParseUint(args[3], 10, 16)
	if err != nil {
		return err
	}
	r := &racer{ctx: filepath.Join(args[0], "ctx"), file: args[1], pipe: args[2], stop: make(chan struct{})}
	r.tags.Store(id << 40)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(r.stop)
	}()
	var all sync.WaitGroup
	for name, action := range map[string]func() error{
		"destroy": r.destroy, "setup": r.setup, "submit": r.submit, "submit too": r.submit, "reap": r.reap, "cancel": r.cancel,
		"look": r.look, "wait": r.wait, "wait too": r.wait, "own": r.own, "own too": r.own,
	} {
		all.Go(func() { r.loop(name, action) })
	}
	fmt.Println("racing")
	all.Wait()
	fmt.Println(strings.Join(r.report, "\n"))
	return r.err
}

// loop repeats an action until the race ends, once at least.
func (r *racer) loop(name string, action func() error) {
	for {
		err := action()
		if r.mountGone(err) {
			return
		}
		if err != nil && !isErrno(err, mayCome...) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.err = errors.Join(r.err, fmt.Errorf("%s: %w", name, err))
			return
		}
		select {
		case <-r.stop:
			return
		default:
		}
	}
}

// mayCome are what a race with a kill may end in: the context is gone (ENOENT, EINVAL), is there already (EEXIST), has no slot or no event
// (EAGAIN). ESTALE is not among them.
var mayCome = []syscall.Errno{syscall.ENOENT, syscall.EINVAL, syscall.EEXIST, syscall.EAGAIN}

// mountGone says whether err comes of a mount that is being taken away: the daemon ends (ESHUTDOWN), or has; EIO has the one whose request
// or answer the kernel is just copying then.
func (r *racer) mountGone(err error) bool {
	return os.Getenv(mayUnmountEnv) != "" && (errors.Is(err, syscall.ENOENT) && !exists(r.ctx) ||
		isErrno(err, syscall.ENOTCONN, syscall.ECONNABORTED, syscall.ESHUTDOWN, syscall.EIO))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func pick(from ...[]string) string {
	var all []string
	for _, f := range from {
		all = append(all, f...)
	}
	return all[rand.N(len(all))]
}

func (r *racer) note(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report = append(r.report, fmt.Sprintf(format, a...))
}

func (r *racer) setup() error { return syscall.Mkdir(filepath.Join(r.ctx, pick(mortal)), 0o700) }

func (r *racer) destroy() error {
	err := syscall.Rmdir(filepath.Join(r.ctx, pick(mortal)))
	if err == nil {
		r.note("killed")
	}
	return err
}

// requests are lines with tags of their own. Those on the pipe end only by a cancel.
func (r *racer) requests(n int) (lines []string, tags []uint64) {
	for range n {
		tag := r.tags.Add(1)
		line := []string{"noop", "pread len=8 keep=no path=" + r.file, "pread len=1 keep=no path=" + r.pipe, "poll events=in path=" + r.pipe}[rand.N(4)]
		lines, tags = append(lines, fmt.Sprintf("%s tag=%d\n", line, tag)), append(tags, tag)
	}
	return lines, tags
}

// write submits lines to an open submit, and returns how many were accepted.
func write(submit int, lines []string) (int, error) {
	n, err := client.IgnoringEINTR(func() (int, error) { return syscall.Write(submit, []byte(strings.Join(lines, ""))) })
	accepted := 0
	for ; accepted < len(lines) && n >= len(lines[accepted]); accepted++ {
		n -= len(lines[accepted])
	}
	if n > 0 {
		return accepted, fmt.Errorf("a count that ends within a request: %q", lines)
	}
	return accepted, err
}

func (r *racer) submit() error {
	return r.submitTo(pick(mortal, living), 1+rand.N(8), syscall.O_NONBLOCK)
}

func (r *racer) reap() error { return r.reapFrom(pick(mortal, living), syscall.O_NONBLOCK) }

// submitTo submits n requests to a context.
func (r *racer) submitTo(c string, n, flags int) error {
	fd, err := syscall.Open(filepath.Join(r.ctx, c, "submit"), syscall.O_WRONLY|flags, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	lines, tags := r.requests(n)
	taken, err := write(fd, lines)
	for _, tag := range tags[:taken] {
		r.note("accepted %s %d", c, tag)
	}
	return err
}

// reapFrom reads events of a context once.
func (r *racer) reapFrom(c string, flags int) error {
	fd, err := syscall.Open(filepath.Join(r.ctx, c, "events_raw"), syscall.O_RDONLY|flags, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	got, err := readTags(fd)
	for _, tag := range got {
		r.note("event %s %d", c, tag)
	}
	return err
}

// readTags reads once from events_raw.
func readTags(fd int) (tags []uint64, err error) {
	const size = 32
	b := make([]byte, 8*size)
	n, err := client.IgnoringEINTR(func() (int, error) { return syscall.Read(fd, b) })
	for i := 0; i < n; i += size {
		tags = append(tags, binary.NativeEndian.Uint64(b[i:]))
	}
	return tags, err
}

func (r *racer) cancel() error {
	return writeFile(filepath.Join(r.ctx, pick(mortal, living), "cancel"), "all\n")
}

func writeFile(path, text string) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, err = client.IgnoringEINTR(func() (int, error) { return syscall.Write(fd, []byte(text)) })
	return err
}

// look reads what describes a context.
func (r *racer) look() error {
	if _, err := os.ReadDir(r.ctx); err != nil {
		return err
	}
	c := filepath.Join(r.ctx, pick(mortal, living))
	for _, name := range []string{"stat", "inflight", "error_log", "nr_events"} {
		if _, err := os.ReadFile(filepath.Join(c, name)); err != nil {
			return err
		}
	}
	_, err := os.ReadDir(filepath.Join(c, "out"))
	return err
}
