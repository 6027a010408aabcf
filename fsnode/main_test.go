package fsnode

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails where a test leaves a mount, a descriptor or a goroutine behind. The test binary is also its own client:
// whatever may block in the mount runs in a process that can be killed.
func TestMain(m *testing.M) {
	if name := os.Getenv(clientEnv); name != "" {
		os.Exit(runClient(name, os.Args[1:]))
	}
	before := openFiles()
	code := m.Run()
	for _, left := range append(mounts(), leftFiles(before)...) {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "left behind:", err)
		code = 1
	}
	os.Exit(code)
}

// mounts are those that this package's tests have made and that are still there.
func mounts() (left []string) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.Contains(s.Text(), " fuse.aiofs "+testFsName+" ") {
			left = append(left, s.Text())
		}
	}
	return left
}

// testFsName is the source of the tests' mounts: of this process, since several may test at once.
var testFsName = fmt.Sprintf("aiofs-test-%d", os.Getpid())

func leftFiles(before map[string]string) (left []string) {
	for fd, target := range openFiles() {
		// Go's poller opens its own with the first pipe, and keeps them.
		if before[fd] == "" && !strings.HasPrefix(target, "anon_inode:[event") {
			left = append(left, "descriptor "+fd+": "+target)
		}
	}
	return left
}

// openFiles are the process's descriptors and what they lead to. One that is closed meanwhile, as the directory's own, leads
// nowhere and is left out.
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
