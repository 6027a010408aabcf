package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/fsnode"
	"github.com/aiofs/aiofs/ioctx"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ring/testenv"
)

const daemonEnv = "AIOFS_BENCH_TEST_DAEMON"

// TestMain lets this test binary be the daemon too, since Run starts its own file with a mountpoint.
func TestMain(m *testing.M) {
	if os.Getenv(daemonEnv) != "" {
		if err := serve(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Setenv(daemonEnv, "1") // for children
	testenv.Main(m, map[string]func() int64{"mounts": mounts})
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

// mounts counts those of this process's daemons.
func mounts() int64 { return testenv.Mounts(fmt.Sprintf("%s-%d", testFsName, os.Getpid())) }

func mounted() bool { return mounts() > 0 }
