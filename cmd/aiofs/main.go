// Command aiofs mounts a file system in which a directory is a Linux kioctx: mkdir is io_setup, a write to submit is
// io_submit, a read of events is io_getevents, rmdir is io_destroy.
//
//	aiofs [MOUNTPOINT] [-o OPTION[,OPTION...]]
//	aiofs demo [-o OPTION[,OPTION...]]
//
// It stays in the foreground and logs on standard error. SIGINT, SIGTERM and an umount from outside end it, after every
// context was killed and its I/O waited for, up to the option grace; a second signal ends it at once.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// The exit statuses, those of mount(8) where it has one.
const (
	exitOK     = 0  // the mount came to its end; the demo found everything as expected
	exitUsage  = 1  // the command line is wrong
	exitDiffer = 1  // the demo saw something differ from what it expects
	exitSystem = 2  // the system refused something else than the mount, or a second signal cut the end short
	exitMount  = 32 // the file system could not be mounted
)

// A failure is an error that knows its exit status.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failf makes a failure from a sentence for the user.
func failf(status int, format string, a ...any) error {
	return &failure{status, fmt.Errorf(format, a...)}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the command without its process: it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	err := dispatch(args, stdout)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		printHelp(stdout)
		return exitOK
	}
	fmt.Fprintf(stderr, "aiofs: %v\n", err)
	if f := (*failure)(nil); errors.As(err, &f) {
		return f.status
	}
	return exitSystem
}

func dispatch(args []string, stdout io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "demo":
			return demo(args[1:], stdout)
		case "bench":
			return benchmark(args[1:], stdout)
		case hangCommand:
			return hang(args[1:], stdout)
		}
	}
	c, err := parseArgs(args)
	if err != nil {
		return err
	}
	if c.version {
		fmt.Fprintln(stdout, version())
		return nil
	}
	return serve(c)
}
