package ioctx

import (
	"errors"
	"math"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring"
)

func TestSetupFailuresGiveBack(t *testing.T) {
	e, f := fakeEnv(t, Config{NrEvents: 10, MaxNr: 25})
	a, b := e.setup(1), e.setup(2)
	_, err := e.Setup(3, Owner{})
	wantErrno(t, "over aio-max-nr", err, syscall.EAGAIN)
	_, err = e.SetupNew(Owner{})
	wantErrno(t, "over aio-max-nr", err, syscall.EAGAIN)
	e.wantNr(20)

	// The first submit makes what a context needs. Where that fails the context is as it was, and can be tried again.
	mapped := ring.Mapped()
	f.setFail(syscall.EMFILE)
	s := e.submitter(a, false)
	defer s.Close()
	e.write(s, "noop\n", 0, syscall.EMFILE)
	if n := ring.Mapped(); n != mapped {
		t.Errorf("%d bytes stay mapped", n-mapped)
	}
	if err := a.SetNrEvents(12); err != nil {
		t.Errorf("nr_events after a submit that failed: %v", err)
	}
	e.wantNr(22)
	f.setFail(nil)
	e.write(s, "noop\n", 5, 0)
	e.Exit(a)
	e.awaitNr(10)
	e.Exit(b)
	e.awaitNr(0)
	e.setup(3)
}

func TestSetNrEvents(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 10, MaxNr: 100})
	c := e.setup(1)
	e.setup(2)
	for _, step := range []struct {
		n     uint64
		errno syscall.Errno
		aioNr uint64
	}{
		{0, syscall.EINVAL, 20},
		{math.MaxUint64, syscall.EINVAL, 20},
		{ring.MaxEvents + 1, syscall.EINVAL, 20},
		{ring.MaxEvents, syscall.EAGAIN, 20},
		{91, syscall.EAGAIN, 20},
		{90, 0, 100},
		{91, syscall.EAGAIN, 100},
		{1, 0, 11},
		{1, 0, 11},
		{15, 0, 25},
	} {
		err := c.SetNrEvents(step.n)
		if step.errno == 0 && err != nil || step.errno != 0 && !errors.Is(err, step.errno) {
			t.Errorf("nr_events %d: %v, want %v", step.n, err, step.errno)
		}
		e.wantNr(step.aioNr)
	}
	e.submit(c, "noop\n")
	wantErrno(t, "after the first submit", c.SetNrEvents(16), syscall.EBUSY)
	wantErrno(t, "a bad one after it", c.SetNrEvents(0), syscall.EINVAL)
	if c.NrEvents() != 15 {
		t.Errorf("nr_events is %d", c.NrEvents())
	}
	e.Exit(c)
	e.awaitNr(10)
}

// Contexts over a limit that was lowered stay, and no sum wraps.
func TestLoweredAioMaxNr(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 10})
	if e.AioMaxNr() != DefaultMaxNr {
		t.Errorf("aio-max-nr is %d", e.AioMaxNr())
	}
	c := e.setup(1)
	e.setup(2)
	for _, limit := range []uint64{0, 9, 19} {
		e.SetAioMaxNr(limit)
		if e.AioMaxNr() != limit {
			t.Errorf("aio-max-nr is %d", e.AioMaxNr())
		}
		_, err := e.Setup(3, Owner{})
		wantErrno(t, "setup", err, syscall.EAGAIN)
		wantErrno(t, "more nr_events", c.SetNrEvents(11), syscall.EAGAIN)
		e.wantNr(20)
	}
	if err := c.SetNrEvents(9); err != nil {
		t.Errorf("fewer nr_events: %v", err)
	}
	e.SetAioMaxNr(math.MaxUint64)
	e.setup(3)
	e.wantNr(29)
}
