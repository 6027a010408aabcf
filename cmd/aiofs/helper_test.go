package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What mount(8) passes to a helper is taken as mount(8) means it.
func TestHelperArgs(t *testing.T) {
	for _, tt := range []struct {
		args string
		want func(*config)
	}{
		{"src /m -o rw,grace=2s", func(c *config) { c.grace = defaults().grace * 2 / 5 }},
		{"src /m -s -n -v -t fuse.aiofs -o rw", func(*config) {}},
		{"src /m -N /proc/1/ns/mnt", func(*config) {}},
		{"src /m -f", func(c *config) { c.fake = true }},
		{"-o foreground src /m", func(c *config) { c.foreground = true }},
	} {
		want := defaults()
		want.source, want.mountpoint, want.helper = "src", "/m", true
		tt.want(&want)
		got, err := parseArgs("/sbin/mount.fuse.aiofs", strings.Fields(tt.args))
		if err != nil {
			t.Errorf("%s: %v", tt.args, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
			t.Errorf("%s: %s", tt.args, diff)
		}
	}
	for _, args := range []string{"src", "", "src /m -t ext4", "src /m -x", "src /m -o wibble"} {
		_, err := parseArgs("mount.aiofs", strings.Fields(args))
		if f := (*failure)(nil); !errors.As(err, &f) || f.status != exitUsage {
			t.Errorf("%q: %v, want a usage error", args, err)
		}
	}
}

func TestDetaches(t *testing.T) {
	for args, want := range map[string]bool{
		"/m": false, "src /m": true, "src /m -f": false, "--background /m": true, "-o background /m": true, "src /m -o foreground": false, "": false,
	} {
		c, err := parseArgs("aiofs", strings.Fields(args))
		if err != nil || c.detaches() != want {
			t.Errorf("aiofs %s: in the background: %v, %v", args, c.detaches(), err)
		}
	}
}

// No name of a helper is a command: mount(8) may be given `demo` as a source.
func TestHelperHasNoCommands(t *testing.T) {
	if _, stderr, status := runBinary(t, asHelper, "demo", t.TempDir(), "-f"); status != exitOK {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}
