// Package uringtest is what tests need where io_uring may be denied, and to have it denied.
package uringtest

import (
	"os"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// DeniedEnv is set, to whatever, where io_uring is denied on purpose: .ci/without-io_uring sets it with its filter.
const DeniedEnv = "AIOFS_IO_URING_DENIED"

// Lacks ends a test that is about io_uring where there is none, for the reason why: as testenv.Lacks does, but skipped in CI too where
// it is denied on purpose. Nobody calls it where there is io_uring, so the variable alone skips nothing.
func Lacks(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(DeniedEnv) != "" {
		t.Skipf("io_uring is denied on purpose: %s", why)
	}
	testenv.Lacks(t, "no io_uring: %s", why)
}
