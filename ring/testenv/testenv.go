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

// DeniedEnv is set, to whatever, where io_uring is denied on purpose: .ci/without-io_uring sets it with its filter.
const DeniedEnv = "AIOFS_IO_URING_DENIED"

// LacksURing ends a test that is about io_uring where there is none, for the reason why: as Lacks does, but skipped in CI too where it
// is denied on purpose. Nobody calls it where there is io_uring, so the variable alone skips nothing.
func LacksURing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(DeniedEnv) != "" {
		t.Skipf("io_uring is denied on purpose: %s", why)
	}
	Lacks(t, "no io_uring: %s", why)
}
