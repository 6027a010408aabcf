package ioctx

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ring/testenv"
)

// slowQueues is an engine that makes no queue before it is let.
type slowQueues struct {
	engine.Engine
	asked, let chan struct{}
}

func (s *slowQueues) NewQueue(depth int, c engine.Client) (engine.Queue, error) {
	close(s.asked)
	<-s.let
	return s.Engine.NewQueue(depth, c)
}

// While one context's first submit waits for its queue, and somebody for that context's nr_events, others are made all the same.
func TestAQueueThatIsLongInTheMakingStallsNoSetup(t *testing.T) {
	pool := threads.NewPool()
	slow := &slowQueues{threads.New(pool), make(chan struct{}), make(chan struct{})}
	e := newEnv(t, pool, slow, Config{})
	c := e.setup(1)
	s := e.submitter(c, false)
	defer s.Close()
	wrote, set, made := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Write([]byte("noop\n"), self, nil)
		wrote <- err
	}()
	<-slow.asked
	go func() { set <- c.SetNrEvents(5) }()
	// SetNrEvents holds a reference by the time that it waits: the kill's, the write's and its own.
	testenv.Eventually(t, "SetNrEvents is on its way", func() bool { return c.users.Load() == 3 })
	go func() {
		for id := range uint32(500) { // long enough for it to get from the reference to the lock
			if _, err := e.Setup(100+id, Owner{}); err != nil {
				made <- err
				return
			}
			runtime.Gosched()
		}
		made <- nil
	}()
	var err error
	testenv.Eventually(t, "other contexts are made", func() bool {
		select {
		case err = <-made:
			return true
		default:
			return false
		}
	})
	close(slow.let)
	if err != nil {
		t.Error(err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	wantErrno(t, "nr_events after the first submit", <-set, syscall.EBUSY)
}
