package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// streamRuns is how often the long stream is tried.
func streamRuns(t *testing.T) int {
	runs, err := strconv.Atoi(os.Getenv("AIOFS_RUNS"))
	if os.Getenv("AIOFS_RUNS") == "" {
		return 1
	}
	if err != nil || runs < 1 {
		t.Fatalf("AIOFS_RUNS=%q is no number of runs", os.Getenv("AIOFS_RUNS"))
	}
	return runs
}

// A hundred thousand requests go through a context of 128: the writer waits for the reader, and every tag comes once.
func TestStreamThroughShell(t *testing.T) {
	const requests, events = 100_000, 128
	eachShell(t, func(t *testing.T, s script) {
		s.file("file", "x")
		var b strings.Builder
		for i := range requests {
			fmt.Fprintf(&b, "pread tag=%d len=1 keep=no ./file\n", i)
		}
		s.file("requests", b.String())
		for n := range streamRuns(t) {
			once(t, s.run(fmt.Sprintf("echo %d > $c/nr_events; cat requests > $c/submit & cat $c/events; wait", events)), requests)
			if t.Failed() {
				t.Fatalf("in run %d", n+1)
			}
		}
	})
}

// once checks that there is an event for each tag below n, with a result of 1.
func once(t *testing.T, text string, n int) {
	t.Helper()
	seen := make([]int, n)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		tag, err := strconv.Atoi(f[0])
		if err != nil || tag < 0 || tag >= n || f[1] != "1" || f[2] != "-" {
			t.Fatalf("unexpected event: %q", line)
		}
		seen[tag]++
	}
	for tag, times := range seen {
		if times != 1 {
			t.Fatalf("%d events for tag %d", times, tag)
		}
	}
}
