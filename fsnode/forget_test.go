package fsnode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// left is how many contexts that were killed the kernel has not forgotten, and whether it is still asked to.
func (f *forgetter) left() (n int, asking bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.gone), f.running
}

// Contexts that were killed are forgotten by the kernel, and so by the daemon: those made through new and those made by mkdir, but for what is
// still in use, and that when it is not any more.
func TestKilledContextsAreForgotten(t *testing.T) {
	m := newMount(t)
	f := &m.server.tree.forgetter
	use := func(dir string) *os.File {
		for _, name := range []string{"stat", "inflight", "error_log"} {
			read(t, filepath.Join(dir, name))
		}
		file, err := os.OpenFile(filepath.Join(dir, "files"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	var open []*os.File
	for range 10 {
		alive, err := os.Open(m.path("ctx/new"))
		if err != nil {
			t.Fatal(err)
		}
		number := make([]byte, 16)
		n, err := alive.Read(number)
		if err != nil {
			t.Fatal(err)
		}
		made := m.path("ctx/4000000000")
		if err := os.Mkdir(made, 0o700); err != nil {
			t.Fatal(err)
		}
		open = append(open, use(m.path("ctx", strings.TrimSpace(string(number[:n])))), use(made))
		if err := os.Remove(made); err != nil {
			t.Fatal(err)
		}
		alive.Close()
	}
	testenv.Eventually(t, "the contexts being killed", func() bool { return m.table.AioNr() == 0 })
	if n, _ := f.left(); n == 0 && !prunes(t) {
		testenv.Lacks(t, "the kernel cannot be asked to forget")
	}
	for len(open) > 0 {
		testenv.Eventually(t, "all being forgotten that is not in use", func() bool { n, asking := f.left(); return n == len(open) && asking })
		for _, file := range open[:5] {
			file.Close()
		}
		open = open[5:]
	}
	testenv.Eventually(t, "all being forgotten", func() bool { n, asking := f.left(); return n == 0 && !asking })
}

// prunes says whether the kernel has FUSE_NOTIFY_PRUNE, as Linux 6.18 has.
func prunes(t *testing.T) bool {
	var u unix.Utsname
	var major, minor int
	err := unix.Uname(&u)
	if _, failed := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return major > 6 || major == 6 && minor >= 18
}
