// Package bench is `aiofs bench`: the same requests through several paths in turn, in slices that alternate, so that a disk
// which is faster now than a minute ago is so for all of them. What counts is the ratio of two paths within one round.
//
//	aiofs bench [FILE] [flags]
//
// The paths are submit and events_raw of a real mount, sq and ring of one in shared memory, raw io_uring by this project's own engine in
// this process, the kernel's AIO by system call, pread on a pool of goroutines, and synchronous pread. Each is one implementation
// of path.
//
// A path's requests are those of its job: how large, how many in flight, at which offsets. A slice ends when its time is over and all
// its requests have ended, so nothing of one path runs into the turn of the next.
//
// Locks: uringPath.mu and verifier.mu, both innermost.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
)

// ErrUsage means that the command line is wrong, or that it asks for something this command refuses to do. It is wrapped with a
// sentence for the user.
var ErrUsage = errors.New("wrong usage")

// Run is the command. The table, or with --json the report, goes to stdout, a progress line to stderr if that is a terminal.
// The daemon is this program's own file, os.Executable, started with a mountpoint and -o engine=NAME.
//
// When ctx is done Run ends within a slice. However it ends, it leaves no mount, process or file behind. Its errors wrap
// ErrUsage, the cause of ctx, or an errno.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		printUsage(stdout)
		return nil
	}
	if err != nil {
		return err
	}
	p := newProgress(stderr)
	defer p.clear()
	t, err := openTarget(ctx, o, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	r := newReport(t, o)
	if !o.json {
		r.printHead(stdout)
	}
	s := &session{options: o, target: t, progress: p}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, j := range o.jobs {
		res, err := s.measure(ctx, j)
		if err != nil {
			return err
		}
		p.clear()
		r.Jobs = append(r.Jobs, res)
		if !o.json {
			res.print(stdout)
		}
	}
	if !o.json {
		return nil
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// usagef makes an error that wraps ErrUsage.
func usagef(format string, a ...any) error {
	return &usageError{fmt.Errorf(format, a...)}
}

// A usageError reads as its sentence alone.
type usageError struct{ error }

func (e *usageError) Unwrap() []error { return []error{ErrUsage, e.error} }
