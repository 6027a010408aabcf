package enginetest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// CheckLeaks fails the test where, after all that is given to t.Cleanup later, it leaves a goroutine or a descriptor.
// Tests that use it do not run in parallel with others.
func CheckLeaks(t testing.TB) {
	t.Helper()
	settle(t)
	goroutines := goleak.IgnoreCurrent()
	before := descriptors(t)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		deadline := time.Now().Add(Patience)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ; ; <-tick.C {
			routines, files := goleak.Find(goroutines), minus(descriptors(t), before)
			if routines == nil && len(files) == 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("left behind: descriptors %v, goroutines %v", files, routines)
			}
		}
	})
}

// settle opens what the runtime opens once and keeps.
func settle(t testing.TB) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
}

// descriptors lists the open descriptors with what they are.
func descriptors(t testing.TB) map[string]bool {
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	open := make(map[string]bool)
	buf := make([]byte, 8192)
	for {
		n, err := unix.Getdents(dir, buf)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return open
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if what, err := os.Readlink("/proc/self/fd/" + name); err == nil && name != fmt.Sprint(dir) {
				open[name+" "+what] = true
			}
		}
	}
}

func minus(a, b map[string]bool) []string {
	var left []string
	for k := range a {
		if !b[k] && !strings.HasSuffix(k, "/fd") {
			left = append(left, k)
		}
	}
	return left
}
