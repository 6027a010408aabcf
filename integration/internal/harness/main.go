// Package harness is what the tests of the real program share: they build it, start it and others as processes, wait for what these
// do, and look at the end whether anything is left.
package harness

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

	"github.com/aiofs/aiofs/ring/testenv"
)

var (
	// WorkDir is where all that a run makes is: below it t.TempDir makes its directories. Every user may pass.
	WorkDir string
	// Program is the program, built once, with the race detector where the tests have it.
	Program string
)

// RoleEnv names what a test binary is when a test has started it again: not the tests but one of the roles.
const RoleEnv = "AIOFS_TEST_ROLE"

// Main is a TestMain: it runs the role that RoleEnv names, with the arguments of the command line, or else the tests. They fail if they leave
// a mount, a process or a file.
func Main(m *testing.M, roles map[string]func(args []string) error) {
	if role, ok := roles[os.Getenv(RoleEnv)]; ok {
		if err := role(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	status := 1
	if err := inWorkDir(func() { status = testenv.Run(m, nil) }); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		status = 1
	}
	os.Exit(status)
}

func inWorkDir(run func()) (err error) {
	if WorkDir, err = os.MkdirTemp("", "aiofs-integration-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(WorkDir)) }()
	os.Setenv("TMPDIR", WorkDir)
	os.Setenv("GORACE", "atexit_sleep_ms=0") // for the programs: each would sleep for a second before it ends
	Program = filepath.Join(WorkDir, "aiofs")
	if err := errors.Join(os.Chmod(WorkDir, 0o755), build()); err != nil {
		return err
	}
	run()
	return errors.Join(leftMounts(), leftProcesses(), leftFiles())
}

func build() error {
	args := []string{"build", "-o", Program}
	if RaceDetector() {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/aiofs/aiofs/cmd/aiofs")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// RaceDetector says whether the tests were built with it.
func RaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func leftMounts() (err error) {
	table, err := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(table)) {
		if path := strings.Fields(line)[1]; strings.HasPrefix(path, WorkDir) {
			err = errors.Join(err, fmt.Errorf("a mount is left: %s", line))
			Abort(path)
		}
	}
	return err
}

// leftProcesses finds them by the TMPDIR in their environment.
func leftProcesses() (err error) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		env, _ := os.ReadFile(path) // it may have ended since
		if !strings.Contains("\x00"+string(env), "\x00TMPDIR="+WorkDir+"\x00") {
			continue
		}
		var pid int
		if fmt.Sscanf(path, "/proc/%d", &pid); pid != os.Getpid() {
			cmd, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			err = errors.Join(err, fmt.Errorf("a process is left: %d %q", pid, cmd), syscall.Kill(pid, syscall.SIGKILL))
		}
	}
	return err
}

func leftFiles() (err error) {
	names, err := filepath.Glob(filepath.Join(WorkDir, "*"))
	for _, name := range names {
		if name != Program {
			err = errors.Join(err, fmt.Errorf("a file is left: %s", name))
		}
	}
	return err
}
