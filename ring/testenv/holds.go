package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var inodeNumber = regexp.MustCompile(`\[\d+\]`)

// Holds lists, sorted, the descriptors of a process and those of its mappings that are shared memory or a ring.
func Holds(pid int) ([]string, error) {
	files, err := openFiles(pid)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, target := range files {
		all = append(all, "descriptor of "+inodeNumber.ReplaceAllString(target, ""))
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		if len(f) > 5 && (strings.HasPrefix(f[5], "/memfd:") || strings.HasPrefix(f[5], "anon_inode:")) {
			all = append(all, "mapping of "+f[5])
		}
	}
	slices.Sort(all)
	return all, err
}

// OpenFiles lists what the descriptors of this process lead to.
func OpenFiles() []string {
	files, err := openFiles(os.Getpid())
	if err != nil {
		panic(err) // there is no /proc
	}
	return files
}

func openFiles(pid int) (files []string, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	for _, fd := range fds {
		if target, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil { // else closed meanwhile, as that of dir itself
			files = append(files, target)
		}
	}
	return files, err
}

// Resident is how many KiB of a process are in memory: VmRSS of proc_pid_status(5).
func Resident(pid int) (kib int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	_, err = fmt.Sscan(rest, &kib)
	return kib, err
}

// Added is what after has more than before, both sorted.
func Added(before, after []string) (more []string) {
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
