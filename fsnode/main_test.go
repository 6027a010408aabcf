package fsnode

import (
	"fmt"
	"os"
	"testing"

	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// The test binary is also its own client: whatever may block in the mount runs in a process that can be killed.
func TestMain(m *testing.M) {
	if name := os.Getenv(clientEnv); name != "" {
		os.Exit(runClient(name, os.Args[1:]))
	}
	mounts := func() int64 { return testenv.Mounts(testFsName) }
	testenv.Main(m, map[string]func() int64{"bytes mapped": ring.Mapped, "mounts": mounts})
}

// testFsName is the source of the tests' mounts: of this process, since several may test at once.
var testFsName = fmt.Sprintf("aiofs-test-%d", os.Getpid())
