package top

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A sample is what the files of a mount said at one time.
type sample struct {
	at       time.Time
	engine   string
	contexts []counters
	hidden   int // contexts of other users, whose stat may not be read
}

// counters is one context.
type counters struct {
	id, uid uint32
	ino     uint64            // of its directory: a context made anew under the same number has another
	values  map[string]uint64 // stat
}

// read looks at every context of a mount. What vanishes meanwhile is left out.
func read(mount string) (*sample, error) {
	if _, err := os.Stat(filepath.Join(mount, "aio-max-nr")); err != nil {
		return nil, fmt.Errorf("no aiofs is mounted on %s: %w", mount, err)
	}
	entries, err := os.ReadDir(filepath.Join(mount, "ctx"))
	if err != nil {
		return nil, err
	}
	s := &sample{at: time.Now()}
	for _, e := range entries {
		id, err := strconv.ParseUint(e.Name(), 10, 32)
		if err != nil {
			continue // `new`
		}
		c := counters{id: uint32(id)}
		engine, err := c.read(filepath.Join(mount, "ctx", e.Name()))
		switch {
		case errors.Is(err, fs.ErrPermission):
			s.hidden++
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EINVAL): // killed
		case err != nil:
			return nil, err
		default:
			s.engine = engine
			s.contexts = append(s.contexts, c)
		}
	}
	return s, nil
}

// read reads the stat of the context whose directory is dir.
func (c *counters) read(dir string) (engine string, err error) {
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return "", err
	}
	c.uid, c.ino = st.Uid, st.Ino
	c.values, engine = parseStat(string(text))
	return engine, nil
}

// parseStat takes the keys as they come, and what is no number but the engine's name for none.
func parseStat(text string) (values map[string]uint64, engine string) {
	values = make(map[string]uint64)
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			values[key] = n
		} else if key == "engine" {
			engine = value
		}
	}
	return values, engine
}

// readInflight is the list of what a context has in flight, a line each, the oldest first.
func readInflight(mount string, id uint32) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(mount, "ctx", strconv.FormatUint(uint64(id), 10), "inflight"))
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}
