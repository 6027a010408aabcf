package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/uring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// small are the flags of a run that shows that it works and not how fast.
var small = []string{"--verify", "--size", "4M", "--slices", "2", "--slice", "20ms", "--json"}

// run runs the command on a file that it makes in a directory that must be empty afterwards, as must be where it mounts.
func run(t *testing.T, ctx context.Context, stdout *bytes.Buffer, args ...string) error {
	t.Helper()
	testenv.NeedFuse(t)
	t.Setenv("TMPDIR", t.TempDir())
	dir := t.TempDir()
	var stderr bytes.Buffer
	err := Run(ctx, append(args, filepath.Join(dir, "a file")), stdout, &stderr)
	for _, d := range []string{dir, os.TempDir()} {
		if left, _ := os.ReadDir(d); len(left) > 0 {
			t.Errorf("left behind in %s: %v", d, left)
		}
	}
	if mounted() {
		t.Error("a mount was left behind")
	}
	if stderr.Len() > 0 {
		t.Errorf("a progress line on what is no terminal: %q", &stderr)
	}
	return err
}

// Every path moves the right bytes between the file and the memory of its requests, in each kind of job.
func TestEveryPathMovesTheRightBytes(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
	}{
		{"random cached reads", []string{"--depth", "32"}},
		{"sequential cold reads", []string{"--cold", "--sequential", "--depth", "8", "--batch", "3", "--bs", "64K"}},
		{"direct reads", []string{"--direct", "--depth", "16"}},
		{"more than buf holds at first", []string{"--depth", "40", "--bs", "128K"}},
		{"one at a time", []string{"--depth", "1"}},
		{"random writes", []string{"--write", "--depth", "16"}},
		{"sequential direct writes", []string{"--write", "--direct", "--sequential", "--depth", "5", "--batch", "2", "--bs", "8K"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t, t.Context(), &out, append(c.flags, small...)...)
			if errors.Is(err, unix.EINVAL) && strings.Contains(c.name, "direct") {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, out.Bytes())
		})
	}
}

func checkReport(t *testing.T, text []byte) {
	t.Helper()
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	want := len(ways)
	denied := uring.Probe()
	if denied != nil {
		want--
	}
	if bytes.Contains(text, []byte("shared is not possible here")) {
		want-- // without CAP_SYS_ADMIN, or before Linux 6.9
	}
	if len(r.Jobs) != 1 || len(r.Jobs[0].Paths) != want {
		t.Fatalf("not one job with %d paths: %s", want, text)
	}
	for _, p := range r.Jobs[0].Paths {
		if p.Verified == 0 || len(p.Slices) != 2 || p.OpsPerSec <= 0 || p.P50 <= 0 || p.P99 < p.P50 || (p.Ratio == nil) != (denied != nil) {
			t.Errorf("path %s: %+v", p.Path, p)
		}
		if p.Path == reference && p.Ratio != nil && p.Ratio.Median != 1 {
			t.Errorf("the reference is %g times as fast as itself", p.Ratio.Median)
		}
	}
}

// The presets of the table, each once, for a person.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	err := run(t, t.Context(), &out, "--size", "4M", "--slices", "1", "--slice", "5ms")
	if errors.Is(err, unix.EINVAL) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range presets[:defaultPresets] {
		if !strings.Contains(out.String(), j.Name+": ") {
			t.Errorf("no %s in\n%s", j.Name, &out)
		}
	}
	for _, want := range []string{"machine  ", "kernel   ", "posix_fadvise", "█", "ratio"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// A signal ends it, and nothing is left: run looks.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	interrupted := errors.New("interrupted")
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for !mounted() && ctx.Err() == nil {
			<-tick.C
		}
		cancel(interrupted)
	}()
	var out bytes.Buffer
	if err := run(t, ctx, &out, "--size", "1M", "--slices", "1000000", "--slice", "1ms"); !errors.Is(err, interrupted) {
		t.Errorf("the error is %v, want %v", err, interrupted)
	}
}

// A daemon that is killed leaves its mount, and stop removes it.
func TestDaemonKilled(t *testing.T) {
	testenv.NeedFuse(t)
	d, err := startDaemon(t.Context(), "auto")
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Process.Kill()
	<-d.ended
	if err := d.stop(); err != nil || mounted() {
		t.Errorf("stop: %v; still mounted: %v", err, mounted())
	}
}
