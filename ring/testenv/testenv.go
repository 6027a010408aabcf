// Package testenv is what the tests of every package share: what they need of the machine, and what they must not leave behind. It
// is for tests alone, and lies here because ring imports no other package of the module, so that the tests of all of them may import it.
package testenv

import (
	"os"
	"testing"
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
