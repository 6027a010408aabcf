package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var (
	workDir string // of all that this run makes
	program string // the program, built once
)

// roleEnv names what this program is when a test has started it again: not the tests but one of roles.
const roleEnv = "AIOFS_TEST_ROLE"

var roles = map[string]func(args []string) error{
	"hangfs": serveHangFS,
	"racer":  race,
}

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleEnv)]; ok {
		if err := role(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	status := 1
	if err := inWorkDir(func() { status = m.Run() }); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		status = 1
	}
	os.Exit(status)
}

// inWorkDir runs the tests, and fails if they leave a mount, a process or a file.
func inWorkDir(run func()) (err error) {
	if workDir, err = os.MkdirTemp("", "aiofs-integration-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(workDir)) }()
	os.Setenv("TMPDIR", workDir)
	os.Setenv("GORACE", "atexit_sleep_ms=0") // for the programs: each would sleep for a second before it ends
	program = filepath.Join(workDir, "aiofs")
	if err := build(); err != nil {
		return err
	}
	run()
	return errors.Join(leftMounts(), leftProcesses(), leftFiles())
}

// build makes the program, with the race detector where the tests have it.
func build() error {
	args := []string{"build", "-o", program}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/aiofs/aiofs/cmd/aiofs")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func leftMounts() (err error) {
	table, err := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(table)) {
		if path := strings.Fields(line)[1]; strings.HasPrefix(path, workDir) {
			err = errors.Join(err, fmt.Errorf("a mount is left: %s", line))
			abort(path)
		}
	}
	return err
}

// leftProcesses finds them by the TMPDIR in their environment.
func leftProcesses() (err error) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		env, _ := os.ReadFile(path) // it may have ended since
		if !strings.Contains("\x00"+string(env), "\x00TMPDIR="+workDir+"\x00") {
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
	names, err := filepath.Glob(filepath.Join(workDir, "*"))
	for _, name := range names {
		if name != program {
			err = errors.Join(err, fmt.Errorf("a file is left: %s", name))
		}
	}
	return err
}

// lacks ends a test for which the machine lacks something: skipped at home, failed in CI, where all that the tests want is
// installed.
func lacks(t *testing.T, format string, a ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, a...)
	}
	t.Skipf(format, a...)
}
