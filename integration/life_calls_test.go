package integration

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ring/testenv"
)

// cancel cancels what does not end by itself.
func (l *life) cancel(dir string, went int) (err error) {
	for tag := 7; tag <= went; tag++ {
		err = errors.Join(err, writeFile(filepath.Join(dir, "cancel"), fmt.Sprintf("tag=%d\n", tag)))
	}
	if errors.Is(err, syscall.ENOENT) { // it ended by itself, as its event says
		return nil
	}
	return err
}

func (l *life) readBuf(dir string, b []byte) error {
	f, err := os.Open(filepath.Join(dir, "buf"))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(b, 0)
	return err
}

func samePattern(b []byte, off int64) error {
	if !bytes.Equal(b, client.Pattern(off, len(b))) {
		return errors.New("these are other bytes")
	}
	return nil
}

// slots writes lines to files, each once more where it is refused, and says whether all were taken.
func (l *life) slots(dir string, lines ...string) (all bool) {
	all = true
	for _, line := range lines {
		if err := writeFile(filepath.Join(dir, "files"), line); err != nil {
			l.refused("files", dir, err)
			all = l.did("files again", writeFile(filepath.Join(dir, "files"), line)) && all
		}
	}
	return all
}

// submit writes requests, once more what is refused, and returns how many were taken.
func (l *life) submit(dir string, requests [][]byte) (went int) {
	fd, err := syscall.Open(filepath.Join(dir, "submit"), syscall.O_WRONLY, 0)
	if !l.did("open submit", err) {
		return 0
	}
	defer syscall.Close(fd)
	for range 3 {
		n, err := client.IgnoringEINTR(func() (int, error) { return syscall.Write(fd, bytes.Join(requests[went:], nil)) })
		for n > 0 && n >= len(requests[went]) {
			n -= len(requests[went])
			if went++; went == len(requests) {
				return went
			}
		}
		if n > 0 {
			l.did("submit", errors.New("a count that ends within a request"))
		}
		l.refused("submit", dir, err)
	}
	return went
}

// refused notes why a write was refused; err is nil where its count was short. error_log must say the same.
func (l *life) refused(step, dir string, err error) {
	text, failed := os.ReadFile(filepath.Join(dir, "error_log"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	words := strings.Fields(lines[len(lines)-1])
	if failed == nil && err != nil && !slices.Contains(words, errnoName(err)) {
		failed = fmt.Errorf("%q does not say why: %v", text, err)
	}
	l.did("error_log", failed)
	if err == nil {
		for _, w := range words[:min(len(words), 3)] {
			if errno := errnoNamed(w); errno != 0 {
				err = errno
			}
		}
	}
	if err == nil {
		err = fmt.Errorf("a short count, and error_log says %q", text)
	}
	l.did(step, err)
}

func errnoName(err error) string {
	var errno syscall.Errno
	errors.As(err, &errno)
	return unix.ErrnoName(errno)
}

// errnoNamed is 0 where there is none of that name.
func errnoNamed(name string) syscall.Errno {
	for e := syscall.Errno(1); e < 134; e++ {
		if unix.ErrnoName(e) == name {
			return e
		}
	}
	return 0
}

// events takes n events, as io_getevents, and returns the results by tag.
func (l *life) events(dir string, n int) map[uint64]int64 {
	res := map[uint64]int64{}
	f, err := os.OpenFile(filepath.Join(dir, "events_raw"), os.O_RDWR, 0)
	if !l.did("open events_raw", err) {
		return res
	}
	defer f.Close()
	_, err = f.WriteString(fmt.Sprint("min=1 timeout=", testenv.Patience))
	l.did("events_raw", err)
	b := make([]byte, 32*16)
	for len(res) < n {
		got, err := f.Read(b)
		if !l.did("events_raw", err) {
			return res
		}
		for e := b[:got]; len(e) > 0; e = e[32:] {
			tag, r := binary.NativeEndian.Uint64(e), int64(binary.NativeEndian.Uint64(e[16:]))
			if _, twice := res[tag]; twice {
				l.did("events_raw", fmt.Errorf("two events of %d", tag))
			}
			if r < 0 && !(r == -int64(syscall.ECANCELED) && tag >= 7) {
				l.did(fmt.Sprint("event of ", tag), syscall.Errno(-r))
			}
			res[tag] = r
		}
	}
	return res
}

// takeOne takes an event when a writer waits for a slot, or has written something.
func takeOne(dir string, written <-chan int) error {
	for waits := false; !waits; {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			return err
		}
		waits = bytes.Contains(stat, []byte("\nslot_waits 1\n"))
		select {
		case went := <-written:
			if went == 0 {
				return nil
			}
			waits = true
		default:
		}
	}
	f, err := os.Open(filepath.Join(dir, "events_raw"))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 32))
	return err
}
