package ring

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMain fails where a test leaves memory mapped or a descriptor open.
func TestMain(m *testing.M) {
	before := openFiles()
	code := m.Run()
	for fd, target := range openFiles() {
		// Go's poller opens its own with the first pipe, and keeps them.
		if before[fd] == "" && !strings.HasPrefix(target, "anon_inode:[event") {
			fmt.Fprintf(os.Stderr, "descriptor %s left open: %s\n", fd, target)
			code = 1
		}
	}
	if n := Mapped(); n != 0 {
		fmt.Fprintf(os.Stderr, "%d bytes left mapped\n", n)
		code = 1
	}
	os.Exit(code)
}

// openFiles are the process's descriptors and what they lead to. One that is closed meanwhile, as the directory's own,
// leads nowhere and is left out.
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

// newRing makes a ring that the test's end closes.
func newRing(t testing.TB, id, nrEvents uint32) *Ring {
	t.Helper()
	r, err := New(id, nrEvents)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
