package testenv

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// Main is a TestMain: Run, and the end of the process.
func Main(m *testing.M, left map[string]func() int64) { os.Exit(Run(m, left)) }

// Run runs the tests and returns the exit status. It is not 0 where they fail, or leave a goroutine, a descriptor, a mapping of shared
// memory or of a ring, or any of what left counts.
func Run(m *testing.M, left map[string]func() int64) (code int) {
	before, err := settled()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	leave := func(what any) {
		fmt.Fprintln(os.Stderr, "left behind:", what)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		leave(err)
	}
	after, err := Holds(os.Getpid())
	if err != nil {
		leave(err)
	}
	for _, more := range Added(before, after) {
		leave(more)
	}
	for what, count := range left {
		if n := count(); n != 0 {
			leave(fmt.Sprint(n, " ", what))
		}
	}
	return code
}

// Mounts counts the FUSE mounts of aiofs whose source is name.
func Mounts(name string) int64 {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		panic(err) // there is no /proc
	}
	return int64(strings.Count(string(table), " fuse.aiofs "+name+" "))
}

// settled is what this process holds once it has Go's poller, which is made with the first pipe and kept.
func settled() ([]string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	r.Close()
	w.Close()
	return Holds(os.Getpid())
}
