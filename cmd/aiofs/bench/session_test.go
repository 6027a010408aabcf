package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// fakeSession has one path, which is what onRun does, and a file of 1 MiB.
func fakeSession(t *testing.T, onRun func()) (*session, *fakePath) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	fake := &fakePath{onRun: onRun}
	return &session{
		options:  options{rounds: 2, ways: []way{{name: "fake", open: func(*setup) (path, error) { return fake, nil }}}},
		target:   &target{name: name, size: 1 << 20},
		progress: newProgress(nil),
	}, fake
}

type fakePath struct {
	onRun  func()
	runs   int
	closed bool
}

func (f *fakePath) run(s *slice) error {
	f.runs++
	f.onRun()
	s.latency.add(1)
	s.took = 1
	return nil
}

func (f *fakePath) close() error {
	f.closed = true
	return nil
}

// A path that has its turn after the end of ctx does not get it.
func TestCancelBetweenSlices(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	s, fake := fakeSession(t, func() { cancel(interrupted) })
	_, err := s.measure(ctx, job{Block: 4096, Depth: 1, Batch: 1, Cache: cacheWarm})
	if !errors.Is(err, interrupted) || fake.runs != 1 || !fake.closed {
		t.Errorf("after %d slices: %v; closed: %v", fake.runs, err, fake.closed)
	}
}

// A path that need not be possible is left out where it is not, with a note, unless the user has asked for it.
func TestPathThatIsNotPossible(t *testing.T) {
	for _, why := range []error{unix.ENODEV, engine.ErrUnsupported} {
		for _, chosen := range []bool{false, true} {
			s, _ := fakeSession(t, func() {})
			s.chosen = chosen
			s.ways = append(s.ways, way{name: "absent", maybe: true, open: func(*setup) (path, error) {
				return nil, fmt.Errorf("mapping buf: %w", why)
			}})
			res, err := s.measure(t.Context(), job{Block: 4096, Depth: 1, Batch: 1, Cache: cacheWarm})
			if chosen != errors.Is(err, why) {
				t.Errorf("asked for: %v; error: %v", chosen, err)
			}
			noted := slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "absent") })
			if !chosen && (len(res.Paths) != 1 || !noted) {
				t.Errorf("%d paths, notes %q", len(res.Paths), res.Notes)
			}
		}
	}
}

// Cold means that nothing of the file is in the page cache when a slice begins, cached that all of it is.
func TestColdAndCached(t *testing.T) {
	for cache, want := range map[cache]uint64{cacheCold: 0, cacheWarm: 256} {
		var s *session
		s, _ = fakeSession(t, func() {
			if n := pagesCached(t, s.name); n != want {
				t.Errorf("%s: a slice begins with %d pages in the page cache, want %d", cache, n, want)
			}
			if err := s.warm(1 << 20); err != nil {
				t.Error(err)
			}
		})
		dropOrSkip(t, s)
		if _, err := s.measure(t.Context(), job{Block: 4096, Depth: 1, Batch: 1, Cache: cache}); err != nil {
			t.Error(err)
		}
	}
}

// dropOrSkip drops a file that was just written, and skips where the file system keeps no page cache of its own, or nothing else.
func dropOrSkip(t *testing.T, s *session) {
	t.Helper()
	f, err := os.Open(s.name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil || fs.Type == unix.TMPFS_MAGIC || pagesCached(t, s.name) != 256 {
		t.Skip("a tmpfs, or a file system that lies upon another")
	}
	if err := s.drop(f); err != nil {
		t.Fatal(err)
	}
	if n := pagesCached(t, s.name); n > 0 {
		t.Errorf("%d pages are left after a drop", n)
	}
}

// pagesCached is how many pages of a file the page cache holds.
func pagesCached(t *testing.T, name string) uint64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Cachestat_t
	if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &st, 0); err != nil {
		t.Skip("cachestat: ", err) // Linux 6.5
	}
	return st.Cache
}

// Notes are a list for a program too where there is none.
func TestReportIsJSON(t *testing.T) {
	b, err := json.Marshal(jobResult{job: presets[0], Notes: presets[0].notes()})
	if err != nil || !bytes.Contains(b, []byte(`"depth":32`)) || bytes.Contains(b, []byte(`"notes":null`)) {
		t.Errorf("%s (%v)", b, err)
	}
}
