package rights

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The users.
const (
	root   = 0
	nobody = 65534
	other  = 1234
)

var (
	workDir string // of all that this run makes; every user may pass
	program string // the program, built once
)

// roleEnv names what this program is when a test has started it again: not the tests but one of roles.
const roleEnv = "AIOFS_RIGHTS_ROLE"

var roles = map[string]func(args []string) error{
	"descriptors": descriptors,
	"mixed":       mixed,
	"deputy":      deputy,
	"chrooted":    chrooted,
	"swapper":     swapper,
}

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleEnv)]; ok {
		if err := role(os.Args[1:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) (status int) {
	os.Setenv("GORACE", "atexit_sleep_ms=10") // of the daemons: a second each otherwise
	var err error
	if workDir, err = os.MkdirTemp("", "aiofs-rights-"); err == nil {
		err = os.Chmod(workDir, 0o755)
	}
	if err == nil {
		program = filepath.Join(workDir, "aiofs")
		err = build()
	}
	if err == nil {
		status = m.Run()
		err = errors.Join(leftMounts(), os.RemoveAll(workDir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	return status
}

// build makes the program, with the race detector where the tests have it, and puts this one where every user may run it.
func build() error {
	args := []string{"build", "-o", program}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "github.com/aiofs/aiofs/cmd/aiofs")...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(workDir, "roles"), self, 0o755)
}

func leftMounts() (err error) {
	table, err := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(table)) {
		if path := strings.Fields(line)[1]; strings.HasPrefix(path, workDir) {
			err = errors.Join(err, fmt.Errorf("a mount is left: %s", line), syscall.Unmount(path, syscall.MNT_DETACH))
		}
	}
	return err
}

// lacks ends a test for which the machine lacks something.
func lacks(t *testing.T, format string, a ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, a...)
	}
	t.Skipf(format, a...)
}
