package threads

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

// testPool makes a pool that must end with the test.
func testPool(t *testing.T, local, hang, stream int) *Pool {
	t.Helper()
	testenv.CheckLeaks(t)
	p := newPool(local, hang, stream)
	t.Cleanup(func() {
		if stuck := p.Close(); stuck != 0 {
			t.Errorf("%d threads are stuck", stuck)
		}
	})
	return p
}

// hanger makes tasks that hang in a read of an empty pipe until it is freed, which the end of the test does.
type hanger struct {
	r, w    int
	running atomic.Int32
	most    atomic.Int32
	tasks   sync.WaitGroup
	freed   sync.Once
}

func newHanger(t *testing.T) *hanger {
	t.Helper()
	p := make([]int, 2)
	if err := unix.Pipe2(p, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	h := &hanger{r: p[0], w: p[1]}
	t.Cleanup(func() {
		h.free()
		unix.Close(h.r)
	})
	return h
}

func (h *hanger) hang(p *Pool, class engine.Class, share any, n int) {
	for range n {
		h.tasks.Add(1)
		p.Go(&Task{Class: class, Share: share, Run: func(*Thread) {
			defer h.tasks.Done()
			now := h.running.Add(1)
			for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
			}
			for {
				if _, err := unix.Read(h.r, make([]byte, 1)); err != unix.EINTR {
					break
				}
			}
			h.running.Add(-1)
		}})
	}
}

func (h *hanger) free() {
	h.freed.Do(func() { unix.Close(h.w) })
	h.tasks.Wait()
}

// runs runs one task and waits for its end.
func runs(t *testing.T, p *Pool, class engine.Class, share any, do func(*Thread)) {
	t.Helper()
	ran := make(chan struct{})
	p.Go(&Task{Class: class, Share: share, Run: func(th *Thread) {
		defer close(ran)
		do(th)
	}})
	select {
	case <-ran:
	case <-time.After(testenv.Patience):
		t.Fatal("the task does not run")
	}
}

func nothing(*Thread) {}

func TestHungTasksStopNoOtherClass(t *testing.T) {
	p := testPool(t, 4, 8, 4)
	h := newHanger(t)
	for share := range 5 {
		h.hang(p, engine.ClassHang, share, 500)
	}
	testenv.Eventually(t, "all threads hang", func() bool { return h.running.Load() == 8 })
	for range 100 {
		runs(t, p, engine.ClassLocal, 0, nothing)
		runs(t, p, engine.ClassStream, 0, nothing)
	}
}

func TestOneShareGetsHalf(t *testing.T) {
	p := testPool(t, LocalThreads, HangThreads, StreamThreads)
	h := newHanger(t)
	h.hang(p, engine.ClassHang, "greedy", 3000)
	testenv.Eventually(t, "half of the threads hang at once", func() bool { return h.running.Load() == HangThreads/2 })
	for range 100 {
		runs(t, p, engine.ClassHang, "other", nothing)
	}
	h.free()
	if most := h.most.Load(); most != HangThreads/2 {
		t.Errorf("%d tasks of one share ran at once, want %d", most, HangThreads/2)
	}
}

func TestThreadsAreBounded(t *testing.T) {
	p := testPool(t, 2, 6, 2)
	h := newHanger(t)
	for share := range 50 {
		h.hang(p, engine.ClassHang, share, 20)
	}
	testenv.Eventually(t, "6 hang", func() bool { return h.running.Load() == 6 })
	p.mu.Lock()
	if n := p.classes[engine.ClassHang].threads; n != 6 || p.alive != 6 {
		t.Errorf("%d threads, %d in all, want 6", n, p.alive)
	}
	p.mu.Unlock()
	h.free()
	if most := h.most.Load(); most != 6 {
		t.Errorf("%d ran at once", most)
	}
}

// Shares take turns, however much one has queued. All threads but one are kept busy, so the order is certain.
func TestSharesTakeTurns(t *testing.T) {
	p := testPool(t, 4, 4, 4)
	h := newHanger(t)
	h.hang(p, engine.ClassLocal, "x", 2)
	h.hang(p, engine.ClassLocal, "y", 1)
	gate, done := make(chan struct{}), make(chan string, 10)
	p.Go(&Task{Share: "gate", Run: func(*Thread) { <-gate }})
	for _, name := range []string{"a1", "a2", "a3", "a4", "b1", "b2", "c1"} {
		p.Go(&Task{Share: name[:1], Run: func(*Thread) { done <- name }})
	}
	close(gate)
	var order []string
	for range 7 {
		order = append(order, <-done)
	}
	if want := []string{"a1", "b1", "c1", "a2", "b2", "a3", "a4"}; !slices.Equal(order, want) {
		t.Errorf("ran %v, want %v", order, want)
	}
}

func TestCancelQueued(t *testing.T) {
	p := testPool(t, 2, 2, 2)
	h := newHanger(t)
	h.hang(p, engine.ClassHang, "s", 1)
	testenv.Eventually(t, "one hangs", func() bool { return h.running.Load() == 1 })
	ran := make([]atomic.Bool, 5)
	var tasks []*Task
	for i := range ran {
		tasks = append(tasks, &Task{Class: engine.ClassHang, Share: "s", Run: func(*Thread) { ran[i].Store(true) }})
		p.Go(tasks[i])
	}
	for _, i := range []int{2, 0, 4} { // from the middle, the front, the end
		if !p.Cancel(tasks[i]) {
			t.Errorf("task %d was not queued", i)
		}
		if p.Cancel(tasks[i]) {
			t.Errorf("task %d was canceled twice", i)
		}
	}
	h.free()
	runs(t, p, engine.ClassHang, "s", nothing) // queued last, runs last
	for i := range ran {
		if got, want := ran[i].Load(), i == 1 || i == 3; got != want {
			t.Errorf("task %d ran: %v", i, got)
		}
		if p.Cancel(tasks[i]) {
			t.Errorf("task %d could be canceled after the end", i)
		}
	}
	if p.Cancel(&Task{}) {
		t.Error("a task never queued could be canceled")
	}
}

// A task either runs once or was canceled, wherever the cancel meets it, and neither costs the pool a place.
func TestCancelRacesRun(t *testing.T) {
	p := testPool(t, 2, 4, 2)
	var ran, canceled atomic.Int32
	var racers sync.WaitGroup
	const racing, each = 4, 2000
	for share := range racing {
		racers.Go(func() {
			for range each {
				over := make(chan struct{})
				task := &Task{Class: engine.ClassHang, Share: share % 2, Run: func(*Thread) {
					ran.Add(1)
					close(over)
				}}
				p.Go(task)
				if p.Cancel(task) {
					canceled.Add(1)
				} else {
					<-over
				}
			}
		})
	}
	racers.Wait()
	if n := ran.Load() + canceled.Load(); n != racing*each {
		t.Errorf("%d ran, %d canceled, of %d", ran.Load(), canceled.Load(), racing*each)
	}
	h := newHanger(t)
	h.hang(p, engine.ClassHang, 0, 10)
	h.hang(p, engine.ClassHang, 1, 10)
	testenv.Eventually(t, "all places are there", func() bool { return h.running.Load() == 4 })
}

// A Task is its maker's again when Run begins.
func TestTaskReusedByRun(t *testing.T) {
	p := testPool(t, 2, 2, 2)
	left, done := 1000, make(chan struct{})
	task := &Task{Share: "s"}
	task.Run = func(*Thread) {
		if left--; left == 0 {
			close(done)
			return
		}
		p.Go(task)
	}
	p.Go(task)
	<-done
}

func TestIdleThreadsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(8, 8, 8)
		gate := make(chan struct{})
		for i := range 8 {
			p.Go(&Task{Share: i, Run: func(*Thread) { <-gate }})
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		time.Sleep(idleTime - time.Millisecond)
		runs(t, p, engine.ClassLocal, 0, nothing) // this one's thread stays
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		p.mu.Lock()
		if p.alive != 1 {
			t.Errorf("%d threads after %v without work, want the one that had some", p.alive, idleTime)
		}
		p.mu.Unlock()
		if stuck := p.Close(); stuck != 0 {
			t.Errorf("Close: %d", stuck)
		}
	})
}

// A thread may be given a task at the moment at which it has been idle for long enough to end.
func TestTaskForAThreadAboutToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(2, 2, 2)
		for range 500 {
			runs(t, p, engine.ClassLocal, 0, nothing)
			time.Sleep(idleTime)
		}
		if stuck := p.Close(); stuck != 0 {
			t.Errorf("Close: %d", stuck)
		}
	})
}

func TestCloseWaitsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(4, 4, 4)
		short, forever := make(chan struct{}), make(chan struct{})
		ran := false
		p.Go(&Task{Share: "a", Run: func(*Thread) { <-forever }})
		p.Go(&Task{Share: "b", Run: func(*Thread) { <-short }})
		p.Go(&Task{Share: "b", Run: func(*Thread) { <-short }})
		p.Go(&Task{Share: "b", Run: func(*Thread) { ran = true }})
		runs(t, p, engine.ClassHang, "idle", nothing)
		time.AfterFunc(closeWait/2, func() { close(short) })
		begin := time.Now()
		if stuck := p.Close(); stuck != 1 {
			t.Errorf("Close: %d threads stuck, want 1", stuck)
		}
		if took := time.Since(begin); took != closeWait {
			t.Errorf("Close took %v, want %v", took, closeWait)
		}
		if !ran {
			t.Error("a queued task did not run")
		}
		close(forever)
		synctest.Wait()
		unix.Close(p.home)
	})
}

// Going through the pool allocates nothing.
func TestPoolAllocations(t *testing.T) {
	p := testPool(t, 8, 8, 8)
	done := make(chan struct{}, 16)
	var tasks []*Task
	for i := range 16 {
		tasks = append(tasks, &Task{Share: i % 3, Run: func(*Thread) { done <- struct{}{} }})
	}
	round := func() {
		for _, task := range tasks {
			p.Go(task)
		}
		for range tasks {
			<-done
		}
	}
	for range 20 {
		round()
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations for 16 tasks", n)
	}
}
