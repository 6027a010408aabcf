package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/aiofs/aiofs/cmd/aiofs/top"
)

// showTop shows what the contexts of a mount do.
func showTop(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	fallback := func() (string, error) { return defaultMountpoint(os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR")) }
	err := top.Run(ctx, args, fallback, os.Stdin, os.Stdout)
	if errors.Is(err, top.ErrUsage) {
		return failf(exitUsage, "%w", err)
	}
	return err
}
