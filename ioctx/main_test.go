package ioctx

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/aiofs/aiofs/ring"
)

// raceTime is how long TestKillRace runs on each engine.
var raceTime = flag.Duration("ioctx.race", raceTimeDefault(), "how long TestKillRace runs on each engine")

// raceTimeDefault is AIOFS_RACE, or short enough for every run.
func raceTimeDefault() time.Duration {
	d, err := time.ParseDuration(os.Getenv("AIOFS_RACE"))
	if err != nil {
		return 2 * time.Second
	}
	return d
}

// TestMain fails where the tests leave memory mapped, a goroutine or a descriptor.
func TestMain(m *testing.M) {
	if os.Getenv(writerEnv) != "" {
		os.Exit(writerMain())
	}
	before := openFiles()
	code := m.Run()
	if code == 0 {
		code = leftovers(before)
	}
	os.Exit(code)
}

// leftovers is the exit status: 1 where something was left.
func leftovers(before map[string]string) (code int) {
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	for fd, target := range openFiles() {
		// Go's poller opens its own with the first pipe, and keeps them.
		if before[fd] == "" && !strings.HasPrefix(target, "anon_inode:[event") {
			fmt.Fprintf(os.Stderr, "descriptor %s left open: %s\n", fd, target)
			code = 1
		}
	}
	if n := ring.Mapped(); n != 0 {
		fmt.Fprintf(os.Stderr, "%d bytes left mapped\n", n)
		code = 1
	}
	return code
}

// openFiles are the process's descriptors and what they lead to; one that is closed meanwhile is left out.
func openFiles() map[string]string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			files[e.Name()] = target
		}
	}
	return files
}
