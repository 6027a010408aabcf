// Package testenv is what the tests of every package share: what they need of the machine, and what they must not leave behind. It
// is for tests alone, and lies here because ring imports no other package of the module, so that the tests of all of them may import it.
package testenv

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Lacks ends a test for which the machine lacks something: skipped at home, failed where CI=true, where all that the tests want is
// installed.
func Lacks(t testing.TB, format string, a ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, a...)
	}
	t.Skipf(format, a...)
}

// Patience is how long a test waits for what must come. Only broken code makes it wait so long, on whatever machine.
const Patience = time.Minute

// Eventually polls until ok, and fails the test where that takes longer than Patience.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.Now().Add(Patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(limit) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
		<-tick.C
	}
}

// Seed is what a test chooses by: AIOFS_SEED, or another number each time, which the log tells.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("AIOFS_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("AIOFS_SEED=%d", seed)
	return seed
}

// NeedFuse ends a test where nothing can be mounted.
func NeedFuse(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		Lacks(t, "nothing can be mounted here: %v", err)
	}
	f.Close()
}
