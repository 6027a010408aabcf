package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var inodeNumber = regexp.MustCompile(`\[\d+\]`)

// holds lists the descriptors of the daemon and those of its mappings that are shared memory or a ring.
func (d *daemon) holds() []string {
	d.t.Helper()
	proc := fmt.Sprintf("/proc/%d", d.proc.Pid())
	fds, err := os.ReadDir(filepath.Join(proc, "fd"))
	d.check(err)
	var all []string
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join(proc, "fd", fd.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		all = append(all, "descriptor of "+inodeNumber.ReplaceAllString(target, ""))
	}
	maps, err := os.ReadFile(filepath.Join(proc, "maps"))
	d.check(err)
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		if len(f) > 5 && (strings.HasPrefix(f[5], "/memfd:") || strings.HasPrefix(f[5], "anon_inode:")) {
			all = append(all, "mapping of "+f[5])
		}
	}
	slices.Sort(all)
	return all
}

// added is what after has more than before, both sorted.
func added(before, after []string) (more []string) {
	for _, a := range after {
		for len(before) > 0 && before[0] < a {
			before = before[1:]
		}
		if len(before) > 0 && before[0] == a {
			before = before[1:]
			continue
		}
		more = append(more, a)
	}
	return more
}
