package testenv

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// CheckLeaks fails the test where, after all that is given to t.Cleanup later, it leaves a goroutine, a descriptor, or a mapping of
// shared memory or of a ring. Tests that use it do not run in parallel with others.
func CheckLeaks(t testing.TB) {
	t.Helper()
	goroutines := goleak.IgnoreCurrent()
	before, err := settled()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		deadline := time.Now().Add(Patience)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ; ; <-tick.C {
			routines := goleak.Find(goroutines)
			after, err := Holds(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			more := Added(before, after)
			if routines == nil && len(more) == 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("left behind: %q, goroutines %v", more, routines)
			}
		}
	})
}
