// Command aiofs mounts a file system in which a directory is a Linux kioctx: mkdir is io_setup, a write to submit is
// io_submit, a read of events is io_getevents, rmdir is io_destroy.
//
//	aiofs [[SOURCE] MOUNTPOINT] [-f] [-o OPTION[,OPTION...]]
//	aiofs top [MOUNTPOINT]
//	aiofs demo [-o OPTION[,OPTION...]]
//
// It stays in the foreground and logs on standard error; with a SOURCE, as mount(8) gives one to its helpers, it returns when the
// mount answers. SIGINT, SIGTERM and an umount from outside end it, after every context was killed and its I/O waited for, up
// to the option grace; a second signal ends it at once.
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
	exitOK        = 0  // the mount came to its end, or is there, in the background; the demo found everything as expected
	exitUsage     = 1  // the command line is wrong
	exitDiffer    = 1  // the demo saw something differ from what it expects
	exitSystem    = 2  // the system refused something else than the mount, or a second signal cut the end short
	exitInterrupt = 8  // a signal came before the mount was there
	exitMount     = 32 // the file system could not be mounted
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

// errSaid is a failure that has been told already, by the daemon in the background.
var errSaid = errors.New("told already")

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is the command without its process: it returns the exit status. The first argument is the name it is called by.
func run(args []string, stdout, stderr io.Writer) int {
	err := dispatch(args[0], args[1:], stdout)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		printHelp(stdout)
		return exitOK
	}
	if !errors.Is(err, errSaid) {
		fmt.Fprintf(stderr, "aiofs: %v\n", err)
	}
	if f := (*failure)(nil); errors.As(err, &f) {
		return f.status
	}
	return exitSystem
}

func dispatch(name string, args []string, stdout io.Writer) error {
	if len(args) > 0 && !isHelper(name) {
		switch args[0] {
		case "demo":
			return demo(args[1:], stdout)
		case "top":
			return showTop(args[1:])
		case "bench":
			return benchmark(args[1:], stdout)
		case hangCommand:
			return hang(args[1:], stdout)
		}
	}
	c, err := parseArgs(name, args)
	if err != nil {
		return err
	}
	if c.version {
		fmt.Fprintln(stdout, version())
		return nil
	}
	status := statusPipe()
	if c.detaches() && status == nil && !c.fake {
		return detach()
	}
	return serve(c, status)
}
