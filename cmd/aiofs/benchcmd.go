package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/aiofs/aiofs/cmd/aiofs/bench"
)

// benchmark measures a mount against what there is without one. A signal ends it, and it leaves nothing behind.
func benchmark(args []string, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := bench.Run(ctx, args, stdout, os.Stderr)
	if errors.Is(err, bench.ErrUsage) {
		return failf(exitUsage, "%w", err)
	}
	return err
}
