package soak

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/aiofs/aiofs/integration/internal/client"
)

// A life is that of a context and of its client, from its making to its end, which is in order, or a kill with requests in flight.
type life struct {
	*worker
	*client.Ledger
	lane   string
	dir    string
	kill   func() error
	depth  int // requests in flight at most
	tag    uint64
	jobs   map[uint64]*job // by tag; in flight
	parked int             // of jobs: those that end by a cancel alone
	places []int           // of memory and of the own file: free ones
	held   map[int]extent  // what the own file has at a place, where that is known
	calm   bool            // nothing more that brings bytes
	dying  bool            // the kill may come any moment
	counts counts
}

// live lives.
func (l *life) live() (err error) {
	files, err := l.begin()
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	lane, err := client.Open(l.lane, l.dir, files...)
	if err != nil {
		return err
	}
	defer lane.Close()
	l.Ledger = client.NewLedger(lane)
	for range 1 + l.rng.IntN(40) {
		if err := l.round(); err != nil {
			return err
		}
	}
	if l.rng.IntN(3) == 0 {
		l.counts["contexts killed at work"]++
		return l.perish()
	}
	return l.retire()
}

// begin makes the context with its slots, and returns what these lead to.
func (l *life) begin() (_ []*os.File, err error) {
	if l.rng.IntN(2) == 0 {
		l.dir, err = l.mkdir()
		l.kill = func() error { return syscall.Rmdir(l.dir) }
	} else {
		var alive *os.File
		alive, l.dir, err = l.openNew()
		l.kill = alive.Close
	}
	if err != nil {
		return nil, err
	}
	l.counts["contexts"]++
	l.depth = 8 + l.rng.IntN(placesEach-8)
	l.tag, l.jobs, l.held = l.rng.Uint64()&^0xffffff, make(map[uint64]*job), make(map[int]extent)
	for place := range placesEach {
		l.places = append(l.places, place)
	}
	files, slots, err := l.slots()
	if err != nil {
		return files, err
	}
	return files, errors.Join(l.write("nr_events", fmt.Sprintln(l.depth)), l.write("files", slots))
}

// slots opens what the slots lead to, and says how the daemon is to open it.
func (l *life) slots() (files []*os.File, text string, err error) {
	if err := os.Remove(l.own); err != nil && !errors.Is(err, os.ErrNotExist) { // a life before may have a write in flight there
		return nil, "", err
	}
	for _, s := range []struct {
		words, path string
		flags       int
	}{
		dataSlot:   {"rdonly", l.data, os.O_RDONLY},
		ownSlot:    {"rdwr", l.own, os.O_RDWR | os.O_CREATE | os.O_EXCL},
		pipeSlot:   {"rdwr", l.pipe.Name(), os.O_RDWR},
		directSlot: {"rdonly,direct", l.data, os.O_RDONLY | syscall.O_DIRECT},
	} {
		if s.flags&syscall.O_DIRECT != 0 && !l.direct {
			continue
		}
		f, err := os.OpenFile(s.path, s.flags, 0o600)
		if err != nil {
			return files, "", err
		}
		text += fmt.Sprintf("open %d open=%s %s\n", len(files), s.words, s.path)
		files = append(files, f)
	}
	return files, text, nil
}

// write writes to a file of the context once.
func (l *life) write(name, text string) error {
	fd, err := syscall.Open(filepath.Join(l.dir, name), syscall.O_WRONLY, 0)
	if err == nil {
		defer syscall.Close(fd)
		_, err = client.IgnoringEINTR(func() (int, error) { return syscall.Write(fd, []byte(text)) })
	}
	if err != nil {
		err = &os.PathError{Op: "write", Path: name, Err: err}
	}
	return err
}

// round submits some requests, cancels some or not, and takes some events.
func (l *life) round() error {
	var batch []client.Op
	for range l.rng.IntN(l.depth - len(l.Flying) + 1) {
		o, err := l.submits()
		if err != nil {
			return err
		}
		batch = append(batch, o)
	}
	if err := l.Submit(batch...); err != nil {
		return err
	}
	l.counts["requests "+l.lane] += int64(len(batch))
	switch l.rng.IntN(10) {
	case 0:
		if err := l.cancelAll(); err != nil {
			return err
		}
	case 1, 2:
		if err := l.cancelOne(); err != nil {
			return err
		}
	}
	return l.Settle(max(l.parked, l.rng.IntN(l.depth)), l.look)
}

// cancelAll tells all to stop.
func (l *life) cancelAll() error {
	for _, j := range l.jobs {
		j.cancelled = true
	}
	return l.write("cancel", "all\n")
}

// cancelOne tells the oldest to stop of those that do not end by themselves. One in sq that the daemon has not taken yet does not exist.
func (l *life) cancelOne() error {
	var oldest *job
	for tag, j := range l.jobs {
		if j.parks() && !j.cancelled && (oldest == nil || tag < oldest.Tag) {
			oldest = j
		}
	}
	if oldest == nil {
		return nil
	}
	err := l.write("cancel", fmt.Sprintf("tag=%d\n", oldest.Tag))
	if l.lane == "shared" && errors.Is(err, syscall.ENOENT) {
		return nil
	}
	oldest.cancelled = true
	return err
}

// retire ends in order: every request has had its event, and nothing is left in the context.
func (l *life) retire() error {
	last := l.noop()
	if err := l.Submit(last); err != nil {
		return err
	}
	for l.jobs[last.Tag] != nil { // when it is over the daemon has taken all that stands before it in sq
		if err := l.Settle(len(l.Flying)-1, l.look); err != nil {
			return err
		}
	}
	if err := l.cancelAll(); err != nil {
		return err
	}
	if err := l.Settle(0, l.look); err != nil {
		return err
	}
	stat, err := os.ReadFile(filepath.Join(l.dir, "stat"))
	if err != nil {
		return err
	}
	for _, none := range []string{"\nin_flight 0\n", "\nin_ring 0\n"} {
		if !strings.Contains(string(stat), none) {
			return fmt.Errorf("at the end: %s", stat)
		}
	}
	if out, err := os.ReadDir(filepath.Join(l.dir, "out")); err != nil || len(out) != 0 {
		return fmt.Errorf("%d files are left in out: %w", len(out), err)
	}
	return l.kill()
}

// perish is killed while it works. Until then all is as always.
func (l *life) perish() error {
	if l.lane == "native" { // what is brought later would be brought to whoever has the memory then
		l.calm = true
		if err := l.Settle(l.parked, l.look); err != nil {
			return err
		}
	}
	l.dying = true
	killed := make(chan error, 1)
	go func(patience int) {
		for range patience {
			runtime.Gosched()
		}
		killed <- l.kill()
	}(l.rng.IntN(1000))
	var err error
	for err == nil {
		err = l.round()
	}
	for _, of := range []error{syscall.EINVAL, syscall.ENOENT, syscall.EPIPE, io.EOF, client.ErrShort} {
		if errors.Is(err, of) {
			return <-killed
		}
	}
	return errors.Join(err, <-killed)
}
