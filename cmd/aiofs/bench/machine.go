package bench

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// unknown stands for what the system does not tell.
const unknown = "unknown"

// machine is what it was measured on.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`  // that this process may use
	Load   string `json:"load"`   // load average at the start: 1, 5 and 15 minutes
	Kernel string `json:"kernel"` // release
}

// fileInfo is where the file lies.
type fileInfo struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	Made   bool   `json:"made"` // for this run
	FSType string `json:"file_system"`
	Device string `json:"device"` // the mount's source
}

func thisMachine() machine {
	m := machine{CPU: unknown, Cores: runtime.NumCPU(), Load: unknown, Kernel: unknown}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 2 {
			m.Load = strings.Join(f[:3], " ")
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return m
}

func infoOf(t *target) fileInfo {
	f := fileInfo{Name: t.name, Size: t.size, Made: t.made, FSType: unknown, Device: unknown}
	if b, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		if fstype, source := mountOf(string(b), t.name); fstype != "" {
			f.FSType, f.Device = fstype, source
		}
	}
	return f
}

// mountOf is the type and the source of the mount that a path lies in: of the longest mount point that the path begins with the
// last one; see proc_pid_mountinfo(5).
func mountOf(mountinfo, path string) (fstype, source string) {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	longest := -1
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 5 || len(right) < 2 {
			continue
		}
		point := unescape.Replace(left[4])
		if len(point) >= longest && strings.HasPrefix(path+"/", strings.TrimSuffix(point, "/")+"/") {
			longest, fstype, source = len(point), right[0], unescape.Replace(right[1])
		}
	}
	return fstype, source
}
