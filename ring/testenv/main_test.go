package testenv

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const leakEnv = "TESTENV_LEAK" // what TestLeak leaves behind

var counted int64

func TestMain(m *testing.M) {
	Main(m, map[string]func() int64{"things": func() int64 { return counted }})
}

func TestLeak(t *testing.T) {
	memfd := func() int {
		fd, err := unix.MemfdCreate("leak", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	switch leak := os.Getenv(leakEnv); leak {
	case "":
	case "goroutine":
		go func() { select {} }()
	case "descriptor":
		memfd()
	case "mapping":
		fd := memfd()
		if _, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED); err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
	case "things":
		counted = 3
	default:
		t.Fatal(leak)
	}
}

// What the tests leave fails them, by name, and nothing else does.
func TestMainSeesLeaks(t *testing.T) {
	for leak, want := range map[string]string{
		"": "PASS\n", "goroutine": "left behind: found unexpected goroutines", "descriptor": "left behind: descriptor of /memfd:leak",
		"mapping": "left behind: mapping of /memfd:leak", "things": "left behind: 3 things\n",
	} {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestLeak$")
		cmd.Env = append(os.Environ(), leakEnv+"="+leak)
		out, err := cmd.CombinedOutput()
		if said := string(out); (err == nil) != (leak == "") || !strings.Contains(said, want) || strings.Count(said, "left behind: ") > 1 {
			t.Errorf("with a %q left: %v\n%s", leak, err, said)
		}
	}
}

// CheckLeaks waits for what the test's own end lets go in its own time.
func TestCheckLeaks(t *testing.T) {
	const leak = "/memfd:leak (deleted)"
	t.Cleanup(func() { // behind that of CheckLeaks
		if slices.Contains(OpenFiles(), leak) {
			t.Error("it has not waited")
		}
	})
	CheckLeaks(t)
	fd, err := unix.MemfdCreate("leak", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { time.AfterFunc(20*time.Millisecond, func() { unix.Close(fd) }) })
}
