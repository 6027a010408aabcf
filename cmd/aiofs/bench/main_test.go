package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/aiofs/aiofs/fsnode"
	"github.com/aiofs/aiofs/ioctx"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

const daemonEnv = "AIOFS_BENCH_TEST_DAEMON"

// TestMain lets this test binary be the daemon too, since Run starts its own file with a mountpoint. It fails where a mount or a
// goroutine is left.
func TestMain(m *testing.M) {
	if os.Getenv(daemonEnv) != "" {
		if err := serve(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Setenv(daemonEnv, "1") // for children
	code := m.Run()
	if mounted() {
		fmt.Fprintln(os.Stderr, "a mount was left behind")
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const testFsName = "aiofs-bench-test"

// serve is aiofs in short.
func serve(dir string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	pool := threads.NewPool()
	table := ioctx.NewTable(ioctx.Config{Engine: threads.New(pool), Pool: pool})
	server, err := fsnode.Mount(dir, table, fsnode.Options{FsName: fmt.Sprintf("%s-%d", testFsName, os.Getppid())})
	if err != nil {
		return err
	}
	slog.New(slog.NewTextHandler(os.Stderr, nil)).Info("mounted", "on", dir)
	<-signals
	table.ExitAll(context.Background())
	return server.Detach()
}

// mounted says whether this process has a mount.
func mounted() bool {
	b, err := os.ReadFile("/proc/self/mountinfo")
	return err != nil || strings.Contains(string(b), fmt.Sprintf(" %s-%d ", testFsName, os.Getpid()))
}

// needMount skips where nothing can be mounted, and fails there in CI.
func needMount(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	switch {
	case err == nil:
		f.Close()
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}
