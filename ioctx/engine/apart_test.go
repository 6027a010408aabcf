package engine_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// fake is an engine and its only queue.
type fake struct {
	err                 error
	submitted, canceled []*engine.Request
	closed              int // queues
	stuck               int
}

func (f *fake) Name() string                                      { return "fake" }
func (f *fake) NewQueue(int, engine.Client) (engine.Queue, error) { return fakeQueue{f}, f.err }
func (f *fake) Close() int                                        { return f.stuck }

type fakeQueue struct{ *fake }

func (q fakeQueue) Submit(batch []*engine.Request) { q.submitted = append(q.submitted, batch...) }
func (q fakeQueue) Cancel(batch []*engine.Request) { q.canceled = append(q.canceled, batch...) }
func (q fakeQueue) Close()                         { q.closed++ }

// pollable is one whose queue can be polled.
type pollable struct{ fake }

func (p *pollable) NewQueue(int, engine.Client) (engine.Queue, error) {
	return struct {
		fakeQueue
		engine.Poller
	}{fakeQueue{&p.fake}, nil}, nil
}

// Only reads and writes of what may hang go to the other engine, and their cancels.
func TestApart(t *testing.T) {
	main, blocking := &fake{stuck: 1}, &fake{stuck: 2}
	e := engine.Apart(main, blocking)
	q, err := e.NewQueue(1, engine.Client{})
	if err != nil {
		t.Fatal(err)
	}
	var batch, stay, hang []*engine.Request
	for _, class := range []engine.Class{engine.ClassHang, engine.ClassLocal, engine.ClassStream, engine.ClassHang} {
		for op := engine.OpNop; op <= engine.OpPoll; op++ {
			r := &engine.Request{Op: op, Class: class}
			batch = append(batch, r)
			if class == engine.ClassHang && (op == engine.OpRead || op == engine.OpWrite) {
				hang = append(hang, r)
			} else {
				stay = append(stay, r)
			}
		}
	}
	q.Submit(slices.Clone(batch))
	q.Cancel(slices.Clone(batch))
	q.Submit(slices.Clone(hang[:1]))
	q.Submit(slices.Clone(stay[:1]))
	q.Close()
	for _, got := range []struct {
		what string
		got  []*engine.Request
		want []*engine.Request
	}{
		{"submitted", main.submitted, append(slices.Clone(stay), stay[0])},
		{"canceled", main.canceled, stay},
		{"submitted apart", blocking.submitted, append(slices.Clone(hang), hang[0])},
		{"canceled apart", blocking.canceled, hang},
	} {
		if !sameRequests(got.got, got.want) {
			t.Errorf("%s: %v, want %v", got.what, got.got, got.want)
		}
	}
	if main.closed != 1 || blocking.closed != 1 || e.Close() != 3 {
		t.Errorf("%d and %d queues were closed", main.closed, blocking.closed)
	}
}

// sameRequests compares without regard to order.
func sameRequests(got, want []*engine.Request) bool {
	for _, r := range want {
		i := slices.Index(got, r)
		if i < 0 {
			return false
		}
		got = slices.Delete(slices.Clone(got), i, i+1)
	}
	return len(got) == 0
}

// A queue can be polled if that of the main engine can; where one queue cannot be made the other is closed.
func TestApartNewQueue(t *testing.T) {
	none := errors.New("none")
	for _, tt := range []struct {
		main, blocking engine.Engine
		poller         bool
		err            error
	}{
		{&fake{}, &fake{}, false, nil},
		{&pollable{}, &fake{}, true, nil},
		{&fake{err: none}, &fake{}, false, none},
		{&fake{}, &fake{err: none}, false, none},
	} {
		q, err := engine.Apart(tt.main, tt.blocking).NewQueue(1, engine.Client{})
		if err != tt.err {
			t.Errorf("%v, want %v", err, tt.err)
		}
		if _, ok := q.(engine.Poller); ok != tt.poller {
			t.Errorf("can be polled: %v, want %v", ok, tt.poller)
		}
	}
	main := &fake{}
	engine.Apart(main, &fake{err: none}).NewQueue(1, engine.Client{})
	if main.closed != 1 {
		t.Error("a queue was left open")
	}
}
