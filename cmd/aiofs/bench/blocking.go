package bench

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// blocking is pread and pwrite on goroutines, each with one request at a time.
type blocking struct {
	*setup
	mem        memory // a block for each
	goroutines int
}

// openGoroutines opens as many as requests are to be in flight.
func openGoroutines(s *setup) (path, error) { return openBlocking(s, s.Depth) }

// openSync opens one, whatever the job's depth.
func openSync(s *setup) (path, error) { return openBlocking(s, 1) }

func openBlocking(s *setup, n int) (path, error) {
	mem, err := newMemory(n * s.Block)
	if err != nil {
		return nil, err
	}
	return &blocking{s, mem, n}, nil
}

func (b *blocking) close() error { return b.mem.close() }

func (b *blocking) run(s *slice) error {
	var wg sync.WaitGroup
	latencies, errs := make([]histogram, b.goroutines), make([]error, b.goroutines)
	begin := time.Now()
	for i := range b.goroutines {
		wg.Go(func() { errs[i] = b.work(b.mem.block(i, b.Block), s.until, &latencies[i]) })
	}
	wg.Wait()
	s.took = time.Since(begin)
	for i := range latencies {
		s.latency.merge(&latencies[i])
	}
	return errors.Join(errs...)
}

func (b *blocking) work(mem []byte, until time.Time, h *histogram) error {
	for t := time.Now(); ; {
		if err := b.one(mem, b.next()); err != nil {
			return err
		}
		end := time.Now()
		h.add(end.Sub(t))
		if t = end; !t.Before(until) {
			return nil
		}
	}
}

// one is one request.
func (b *blocking) one(mem []byte, off int64) error {
	do := unix.Pread
	if b.Write {
		do = unix.Pwrite
		if b.verify != nil {
			b.verify.compose(mem, off)
		}
	}
	n, err := do(int(b.file.Fd()), mem, off)
	for err == unix.EINTR {
		n, err = do(int(b.file.Fd()), mem, off)
	}
	switch {
	case err != nil:
		return err
	case n != len(mem):
		return b.short(off, int64(n))
	case b.verify != nil && !b.Write:
		return b.verify.check(mem, off)
	}
	return nil
}
