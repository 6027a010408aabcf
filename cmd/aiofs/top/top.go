// Package top shows what the contexts of a mount do: a table on a terminal, once as text, or as JSON. It reads stat and inflight of
// each context, as any other program could, so it shows those that its user may look at.
//
// It is one goroutine, and takes no locks.
package top

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrUsage is what Run fails with where its arguments are wrong.
var ErrUsage = errors.New("usage")

// firstInterval is after how long the screen has its first rates.
const firstInterval = 250 * time.Millisecond

type options struct {
	mount    string
	interval time.Duration
	once     bool
	json     bool
}

// Run is `aiofs top [MOUNTPOINT] [--interval DURATION] [--once] [--json]`. fallback is the mountpoint where none is named. It returns
// when the user quits, when ctx is done, after one report with --once, or with the error of a mount that has gone.
func Run(ctx context.Context, args []string, fallback func() (string, error), stdin, stdout *os.File) error {
	o, err := parse(args)
	if err == nil && o.mount == "" {
		o.mount, err = fallback()
	}
	switch {
	case err != nil:
		return err
	case o.once || o.json:
		return o.stream(ctx, stdout)
	case !isTerminal(stdin) || !isTerminal(stdout):
		return fmt.Errorf("%w: top needs a terminal; --once and --json do not", ErrUsage)
	}
	return o.screen(ctx, stdin, stdout)
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("top", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.DurationVar(&o.interval, "interval", time.Second, "")
	fs.BoolVar(&o.once, "once", false, "")
	fs.BoolVar(&o.json, "json", false, "")
	for rest := args; ; {
		if err := fs.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUsage, err)
		}
		if fs.NArg() == 0 {
			break
		}
		if o.mount != "" {
			return nil, fmt.Errorf("%w: more than one mountpoint: %q and %q", ErrUsage, o.mount, fs.Arg(0))
		}
		o.mount, rest = fs.Arg(0), fs.Args()[1:]
	}
	if o.interval < 10*time.Millisecond {
		return nil, fmt.Errorf("%w: an interval of %v is too short", ErrUsage, o.interval)
	}
	return o, nil
}

// stream prints reports, one with --once.
func (o *options) stream(ctx context.Context, stdout io.Writer) error {
	last, err := read(o.mount)
	tick := time.NewTicker(o.interval)
	defer tick.Stop()
	for err == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		var now *sample
		if now, err = read(o.mount); err != nil {
			break
		}
		r := compare(o.mount, last, now)
		r.sortBy(orders[0])
		if err = o.print(stdout, r); err == nil && o.once {
			return nil
		}
		last = now
	}
	return err
}

func (o *options) print(w io.Writer, r *Report) error {
	if o.json {
		return json.NewEncoder(w).Encode(r)
	}
	for _, line := range r.lines() {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// screen shows reports on a terminal until the user quits.
func (o *options) screen(ctx context.Context, stdin, stdout *os.File) error {
	last, err := read(o.mount)
	if err != nil {
		return err
	}
	t, err := openTerminal(stdin, stdout)
	if err != nil {
		return err
	}
	defer t.restore()
	v := &view{order: orders[0]}
	r := compare(o.mount, last, last)
	v.follow(r)
	next := last.at.Add(min(firstInterval, o.interval))
	for !v.quit && ctx.Err() == nil {
		v.draw(t, o.mount, r)
		key, err := t.key(ctx, next)
		if err != nil {
			return err
		}
		if key != "" {
			v.press(key, r)
		}
		if time.Now().After(next) {
			now, err := read(o.mount)
			if err != nil {
				return err
			}
			r, last, next = compare(o.mount, last, now), now, now.at.Add(o.interval)
		}
		v.follow(r)
	}
	return nil
}

// draw shows r, or what its selected context has in flight.
func (v *view) draw(t *terminal, mount string, r *Report) {
	_, height := t.size()
	if v.flight {
		if inflight, err := readInflight(mount, v.selected); err == nil {
			t.draw(v.flightLines(inflight, height), -1)
			return
		}
		v.flight = false // it has gone
	}
	t.draw(v.contextLines(r, height))
}
