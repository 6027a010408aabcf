// Package harness is what the tests of the real program share: they build it, start it and others as processes, wait for what these
// do, and look at the end whether anything is left.
package harness

import (
	"testing"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

// Patient is how long a test waits for what has to happen. Only what hangs takes so long, on whatever machine.
const Patient = 60 * time.Second

// Lacks is testenv.Lacks.
func Lacks(t testing.TB, format string, a ...any) {
	t.Helper()
	testenv.Lacks(t, format, a...)
}

// Eventually polls until ok.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.Now().Add(Patient)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(limit) {
			t.Fatalf("not within %v: %s", Patient, what)
		}
		<-tick.C
	}
}
