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
)

// A file that was there is written to only where the user says so, and is never removed.
func TestDestructive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "precious")
	content := bytes.Repeat([]byte("precious"), 1<<10)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(flags ...string) error {
		return Run(t.Context(), append([]string{name, "--paths", "sync", "--slices", "1", "--slice", "1ms"}, flags...), new(bytes.Buffer), nil)
	}
	if err := run("--write"); !errors.Is(err, ErrUsage) {
		t.Errorf("a write without --destructive: %v", err)
	}
	if err := run("--preset", "write-32"); !errors.Is(err, ErrUsage) {
		t.Errorf("a preset that writes, without --destructive: %v", err)
	}
	if err := run("--depth", "1"); err != nil {
		t.Errorf("a read: %v", err)
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file is not what it was (%v)", err)
	}
	if err := run("--write", "--destructive"); err != nil {
		t.Errorf("a write with --destructive: %v", err)
	}
	if got, err := os.ReadFile(name); err != nil || bytes.Equal(got, content) || len(got) != len(content) {
		t.Errorf("nothing was written, or the size has changed to %d (%v)", len(got), err)
	}
}

func TestCheckSeesWrongBytes(t *testing.T) {
	b := make([]byte, 8*sector)
	fill(b, 40*sector, 3)
	if err := check(b, 40*sector); err != nil {
		t.Fatal(err)
	}
	if check(b, 41*sector) == nil {
		t.Error("the content of another place was taken for right")
	}
	for _, i := range []int{0, 7, 8, 15, 16, sector - 1, 5 * sector, 8*sector - 1} {
		b[i] ^= 0x40
		if check(b, 40*sector) == nil {
			t.Errorf("the wrong byte %d was taken for right", i)
		}
		b[i] ^= 0x40
	}
}

// A write that did not reach the file is seen, though the file holds right bytes of an earlier one.
func TestLostWriteIsSeen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	b := make([]byte, 4*sector)
	fill(b, 0, 0)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	v := &verifier{block: 2 * sector}
	for _, lost := range []bool{false, true} {
		v.begin()
		v.compose(b[:v.block], 2*sector)
		if !lost {
			if err := os.WriteFile(name, append(make([]byte, 2*sector), b[:v.block]...), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.end(name); (err != nil) != lost {
			t.Errorf("lost: %v; found: %v", lost, err)
		}
	}
}

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
	for _, chosen := range []bool{false, true} {
		s, _ := fakeSession(t, func() {})
		s.chosen = chosen
		s.ways = append(s.ways, way{name: "absent", maybe: true, open: func(*setup) (path, error) {
			return nil, fmt.Errorf("mapping buf: %w", unix.ENODEV)
		}})
		res, err := s.measure(t.Context(), job{Block: 4096, Depth: 1, Batch: 1, Cache: cacheWarm})
		if chosen != errors.Is(err, unix.ENODEV) {
			t.Errorf("asked for: %v; error: %v", chosen, err)
		}
		noted := slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "absent") })
		if !chosen && (len(res.Paths) != 1 || !noted) {
			t.Errorf("%d paths, notes %q", len(res.Paths), res.Notes)
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

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--depth", "0"},
		{"--batch", "9", "--depth", "8"},
		{"--bs", "1000"},
		{"--bs", "0"},
		{"--bs", "4X"},
		{"--direct", "--cold"},
		{"--preset", "no-such"},
		{"--preset", "direct-1", "--depth", "2"},
		{"--paths", "files,no-such"},
		{"--paths", ""},
		{"--slices", "0"},
		{"--engine", "steam"},
		{"--nonsense"},
		{"one", "two"},
		{""},
	} {
		if err := Run(t.Context(), args, new(bytes.Buffer), nil); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
	var help bytes.Buffer
	if err := Run(t.Context(), []string{"--help"}, &help, nil); err != nil || !bytes.Contains(help.Bytes(), []byte("--destructive")) {
		t.Errorf("--help: %v, %s", err, &help)
	}
}

func TestOptions(t *testing.T) {
	o, err := parse([]string{"--depth", "8", "file", "--bs", "64K", "--cold", "--json", "--size=2G"})
	if err != nil {
		t.Fatal(err)
	}
	want := job{Name: "custom", Block: 64 << 10, Depth: 8, Batch: 8, Cache: cacheCold}
	if o.file != "file" || len(o.jobs) != 1 || o.jobs[0] != want || !o.json || o.size != 2<<30 {
		t.Errorf("parsed to %+v", o)
	}
	o, err = parse([]string{"--preset", "direct-1,write-32"})
	if err != nil || len(o.jobs) != 2 || o.jobs[0].Depth != 1 || !o.writes() {
		t.Errorf("parsed to %+v (%v)", o, err)
	}
	o, err = parse(nil)
	if err != nil || len(o.jobs) != defaultPresets || o.writes() || len(o.ways) != len(ways) {
		t.Errorf("without flags: %+v (%v)", o, err)
	}
}

// The file is removed where making it was interrupted.
func TestInterruptedMaking(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	name := filepath.Join(t.TempDir(), "file")
	if err := Run(ctx, []string{name}, new(bytes.Buffer), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there (%v)", err)
	}
}

func TestMountOf(t *testing.T) {
	const table = `21 1 254:0 / / rw - ext4 /dev/root rw
30 21 0:5 / /mnt rw shared:7 - tmpfs none rw
31 21 0:6 / /mnt/a\040b rw - xfs /dev/x\040y rw
32 31 0:7 / /mnt/a\040b rw - btrfs /dev/z rw
`
	for _, c := range []struct{ path, fstype, source string }{
		{"/file", "ext4", "/dev/root"},
		{"/mnt/file", "tmpfs", "none"},
		{"/mntfile", "ext4", "/dev/root"},
		{"/mnt/a b/c/file", "btrfs", "/dev/z"},
	} {
		if fstype, source := mountOf(table, c.path); fstype != c.fstype || source != c.source {
			t.Errorf("%s lies in %s on %s, want %s on %s", c.path, fstype, source, c.fstype, c.source)
		}
	}
}

// Notes are a list for a program too where there is none.
func TestReportIsJSON(t *testing.T) {
	b, err := json.Marshal(jobResult{job: presets[0], Notes: presets[0].notes()})
	if err != nil || !bytes.Contains(b, []byte(`"depth":32`)) || bytes.Contains(b, []byte(`"notes":null`)) {
		t.Errorf("%s (%v)", b, err)
	}
}
