package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// A session is all jobs of one command.
type session struct {
	options
	*target
	progress *progress
	daemon   *daemon // nil until a path wants it
}

// close ends the mount.
func (s *session) close() error {
	if s.daemon == nil {
		return nil
	}
	return s.daemon.stop()
}

// A runner is a path of a job, and what its slices brought.
type runner struct {
	way
	*setup
	path   path
	slices []sliceResult
}

// measure does a job: one round that does not count, then as many as were asked for, each of them begun by another path.
func (s *session) measure(ctx context.Context, j job) (res jobResult, err error) {
	if j.Cache == cacheWarm {
		s.progress.show("%s: reading the file", j.Name)
		if err := s.warm(s.span(j)); err != nil {
			return res, err
		}
	}
	var runners []*runner
	notes := j.notes()
	defer func() {
		for _, r := range slices.Backward(runners) {
			err = errors.Join(err, r.close())
		}
	}()
	for _, w := range s.ways {
		r, err := s.open(ctx, w, j)
		switch {
		case err == nil:
			runners = append(runners, r)
		case w.maybe && !s.chosen && (errors.Is(err, unix.ENODEV) || errors.Is(err, engine.ErrUnsupported)):
			notes = append(notes, fmt.Sprintf("%s is not possible here: %v", w.name, err))
		default:
			return res, fmt.Errorf("%s: path %s: %w", j.Name, w.name, err)
		}
	}
	for round := range 1 + s.rounds {
		for i := range runners {
			r := runners[(round+i)%len(runners)]
			s.progress.show("%s: round %d of %d, %s", j.Name, round, s.rounds, r.way.name)
			if err := s.turn(ctx, r, round > 0); err != nil {
				return res, fmt.Errorf("%s: path %s: %w", j.Name, r.way.name, err)
			}
		}
	}
	return newJobResult(j, notes, runners), nil
}

// open makes a path ready, and the mount when it is first wanted.
func (s *session) open(ctx context.Context, w way, j job) (*runner, error) {
	if s.daemon == nil && w.mount {
		var err error
		if s.daemon, err = startDaemon(ctx, s.mountOptions()); err != nil {
			return nil, err
		}
	}
	f, err := s.target.open(j)
	if err != nil {
		return nil, err
	}
	r := &runner{way: w, setup: &setup{job: j, name: s.name, file: f, span: s.span(j), daemon: s.daemon}}
	if s.verify {
		r.verify = &verifier{block: j.Block}
	}
	if r.path, err = w.open(r.setup); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func (r *runner) close() error { return errors.Join(r.path.close(), r.file.Close()) }

// turn is one slice of a path; one that does not count is thrown away.
func (s *session) turn(ctx context.Context, r *runner, counts bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.Cache == cacheCold {
		if err := s.drop(r.file); err != nil {
			return err
		}
	}
	if r.verify != nil {
		r.verify.begin()
	}
	sl := slice{until: time.Now().Add(s.slice)}
	if err := r.path.run(&sl); err != nil {
		return err
	}
	if r.verify != nil {
		if err := r.verify.end(s.name); err != nil {
			return err
		}
	}
	if counts {
		r.slices = append(r.slices, sl.result())
	}
	return nil
}
