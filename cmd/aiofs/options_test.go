package main

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseArgs(t *testing.T) {
	for _, tt := range []struct {
		name string
		args string
		want func(*config)
	}{
		{"nothing", "", func(*config) {}},
		{"mountpoint", "/m", func(c *config) { c.mountpoint = "/m" }},
		{"-o behind", "/m -o engine=threads", func(c *config) { c.mountpoint, c.engine = "/m", "threads" }},
		{"-o before", "-o engine=uring /m", func(c *config) { c.mountpoint, c.engine = "/m", "uring" }},
		{"flags on both sides", "--max-nr 4K /m --nr-events=7", func(c *config) { c.mountpoint, c.maxNr, c.nrEvents = "/m", 4096, 7 }},
		{"list", "-o nr_events=7,max_nr=8,max_buf=9", func(c *config) { c.nrEvents, c.maxNr, c.maxBuf = 7, 8, 9 }},
		{"two lists", "-o nr_events=7 -o max_buf=2M", func(c *config) { c.nrEvents, c.maxBuf = 7, 2<<20 }},
		{"the last one counts", "-o nr_events=7,nr_events=8", func(c *config) { c.nrEvents = 8 }},
		{"sizes", "-o max_buf=3G,max_nr=2M,nr_events=64K", func(c *config) { c.maxBuf, c.maxNr, c.nrEvents = 3<<30, 2<<20, 64<<10 }},
		{"grace", "-o grace=150ms", func(c *config) { c.grace = 150 * time.Millisecond }},
		{"grace of 0", "--grace 0s", func(c *config) { c.grace = 0 }},
		{"fsname", "-o fsname=x", func(c *config) { c.fsName = "x" }},
		{"debug", "-o debug", func(c *config) { c.debug = true }},
		{"--debug", "--debug /m", func(c *config) { c.debug, c.mountpoint = true, "/m" }},
		{"mount(8)", "-o rw,nosuid,nodev,noexec,noatime,defaults,nofail,_netdev,x-systemd.automount,", func(c *config) { c.extra = []string{"noexec"} }},
		{"source", "none /m -o rw,dev,suid", func(c *config) { c.source, c.mountpoint = "none", "/m" }},
		{"source and options in between", "-o grace=1s none -f /m", func(c *config) {
			c.source, c.mountpoint, c.foreground, c.grace = "none", "/m", true, time.Second
		}},
		{"background", "--background /m -o fsname=y", func(c *config) { c.background, c.mountpoint, c.fsName = true, "/m", "y" }},
		{"fstab", "-o user,users,user=ann,x-systemd.requires=a.service,X-mount.mkdir,comment=systemd.automount,subtype=aiofs,noauto", func(*config) {}},
		{"version", "--version", func(c *config) { c.version = true }},
		{"after --", "-- -m", func(c *config) { c.mountpoint = "-m" }},
		{"largest", "-o nr_events=8388608,max_nr=9223372036854775807", func(c *config) { c.nrEvents, c.maxNr = 1<<23, 1<<63-1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := defaults()
			tt.want(&want)
			got, err := parseArgs("aiofs", strings.Fields(tt.args))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseArgsRefusals(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-o engine=aio", `option engine must be auto, uring or threads, not "aio"`},
		{"--engine aio", `option engine must be auto, uring or threads, not "aio"`},
		{"-o engine", `option engine needs a value`},
		{"--engine", `flag needs an argument`},
		{"-o nr_events=0", `option nr_events must be between 1 and 8388608, not 0`},
		{"-o nr_events=8388609", `option nr_events must be between`},
		{"-o nr_events=-1", `option nr_events needs a number`},
		{"-o nr_events=1.5K", `option nr_events needs a number`},
		{"-o nr_events=1k", `option nr_events needs a number`},
		{"-o nr_events=K", `option nr_events needs a number`},
		{"-o nr_events=", `option nr_events needs a number`},
		{"-o max_buf=99999999999G", `option max_buf must be between`},
		{"-o max_buf=8589934592G", `option max_buf must be between`},
		{"-o max_nr=18446744073709551616", `option max_nr needs a number`},
		{"-o max_nr=5", `nr_events=1024 is more than max_nr=5`},
		{"-o grace=5", `option grace needs a duration`},
		{"-o grace=-1s", `option grace needs a duration`},
		{"-o allow_other=yes", `option allow_other takes no value`},
		{"-o debug=yes", `option debug takes no value`},
		{"--debug=false", `option debug takes no value`},
		{"-o user_max_nr=5", `nr_events=1024 is more than user_max_nr=5`},
		{"--user-max-nr 0", `option user_max_nr must be between`},
		{"-o user_max_buf=x", `option user_max_buf needs a number`},
		{"-o user_max_files=", `option user_max_files needs a number`},
		{"-o ro", `option ro is refused`},
		{"-o remount", `option remount is refused`},
		{"-o allow_root", `option allow_root is refused`},
		{"-o subtype=other", `unknown option "subtype"`},
		{"-o background,foreground /m", `foreground and background exclude each other`},
		{"--background -f /m", `foreground and background exclude each other`},
		{"a,b /m", `the source "a,b" has a comma`},
		{"--fsname a,b /m", `the source "a,b" has a comma`},
		{"-o wibble=3", `unknown option "wibble"`},
		{"-o nr-events=3", `unknown option "nr-events"`},
		{"--wibble", `unknown option "wibble"`},
		{"--nr_events 3", `unknown option "nr_events"`},
		{"a /b /c", `"/c" is too much`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			_, err := parseArgs("aiofs", strings.Fields(tt.args))
			if f := (*failure)(nil); !errors.As(err, &f) || f.status != exitUsage {
				t.Fatalf("%v, want a usage error", err)
			}
			if !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q, want one line: %s...", err, tt.want)
			}
		})
	}
}

func TestUsageError(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run([]string{"aiofs", "-o", "ro"}, &stdout, &stderr)
	if status != exitUsage || stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "aiofs: option ro ") ||
		strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("exit status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
	}
}

func TestVersion(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"aiofs", "--version"}, &stdout, &stderr); status != exitOK || !strings.HasPrefix(stdout.String(), "aiofs ") ||
		strings.Count(stdout.String(), "\n") != 1 {
		t.Errorf("exit status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
	}
}

func TestEmptyMountpoint(t *testing.T) {
	if _, err := parseArgs("aiofs", []string{""}); err == nil {
		t.Error("an empty mountpoint is taken for the default one")
	}
}

// The help names every option of the table, and only -h and --help ask for it.
func TestHelp(t *testing.T) {
	if _, err := parseArgs("aiofs", []string{"/m", "-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"aiofs", "--help"}, &stdout, &stderr); status != exitOK || stderr.Len() > 0 {
		t.Errorf("exit status %d, stderr %q", status, stderr.String())
	}
	for _, o := range options {
		if !strings.Contains(stdout.String(), "  --"+o.flag()) {
			t.Errorf("the help does not name --%s", o.flag())
		}
	}
}
