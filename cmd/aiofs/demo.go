package main

import (
	"context"
	"errors"
	"io"
	"os/signal"
	"syscall"
	"time"
)

const (
	demoDeadline = 28 * time.Second // for the whole demo
	abortLimit   = 2 * time.Second  // for what a killed mount does to a demo that was using it
)

// demo mounts in a temporary directory and shows what a context does, as a client that has nothing but the files under the
// mount. Whatever it shows it checks. It leaves no mount, process or file behind, however it ends.
func demo(args []string, stdout io.Writer) error {
	c, err := parseArgs("aiofs", args)
	if err != nil {
		return err
	}
	if c.mountpoint != "" || c.version {
		return failf(exitUsage, "the demo takes mount options only: it makes a mountpoint of its own")
	}
	// SIGPIPE too: what `aiofs demo | head` has no more use for is ended like everything else.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, demoDeadline, errors.New("the demo took too long"))
	defer cancel()

	s, err := newStage(newPrinter(stdout))
	if err != nil {
		return err
	}
	played := make(chan error, 1)
	go func() { played <- s.play(ctx, args) }()
	select {
	case err = <-played:
	case <-ctx.Done():
		s.abort() // every call into the mount now fails, so play returns
		err = failf(exitDiffer, "the demo was ended: %w", context.Cause(ctx))
		select {
		case <-played:
		case <-time.After(abortLimit):
		}
	}
	return errors.Join(err, s.strike())
}

// play runs the demo from the first mount to the last umount.
func (s *stage) play(ctx context.Context, args []string) error {
	start := time.Now()
	for _, act := range []func(context.Context) error{
		s.makeFiles,
		func(ctx context.Context) error { return s.startDaemon(ctx, args) },
		s.startHang,
		s.startShell,
		s.tour,
		s.answering,
		s.randomReads,
		s.finish,
	} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	s.say("Everything was as expected: %d checks in %.1f s.", s.checks, time.Since(start).Seconds())
	return nil
}
