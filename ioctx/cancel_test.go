package ioctx

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/enginetest"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ring/testenv"
)

const ecanceled = -int64(syscall.ECANCELED)

// By tag, which may be several, by seq, and all; no line may be bad; ENOENT where no line matches, but not of all.
func TestCancelLines(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	r := e.reader(c, true, true)
	defer r.Close()
	cancel := func(text string, errno syscall.Errno, seqs ...uint64) {
		t.Helper()
		if err := c.Cancel([]byte(text)); errno == 0 && err != nil || errno != 0 {
			wantErrno(t, text, err, errno)
		}
		if len(seqs) == 0 {
			if n, _ := r.Read(make([]byte, eventSize), true, nil); n != 0 {
				t.Errorf("%q has cancelled something", text)
			}
			return
		}
		for _, ev := range e.events(r, len(seqs)) {
			if ev.obj != seqs[0] || ev.res != ecanceled {
				t.Errorf("%q: event %v, want seq %d", text, ev, seqs[0])
			}
			seqs = seqs[1:]
		}
	}
	cancel("all\n", 0)
	cancel("tag=1\n", syscall.ENOENT)
	e.submit(c, strings.Repeat("noop tag=5\n", 3)+strings.Repeat("noop\n", 7)) // 4 to 10 bear their seq
	cancel("", syscall.ENOENT)
	cancel("\n \n", syscall.ENOENT)
	cancel("tag=6\nseq\nall\n", syscall.EINVAL)
	cancel("tag=99\nseq=99\n", syscall.ENOENT)
	cancel("tag=5\n", 0, 1, 2, 3, 5)
	cancel("tag=5\nseq=5\n", syscall.ENOENT)
	cancel("seq=7\nseq=99\n\ntag=8", 0, 7, 8)
	e.wantStat(c, "cancelled", 6)
	cancel("all\n", 0, 4, 6, 9, 10)
	if log := string(c.ErrorLog()); !strings.HasPrefix(log, "cancel line=2 EINVAL ") || strings.Count(log, "\n") != 1 {
		t.Errorf("error_log %q", log)
	}
	if n := len(f.inflight()); n != 0 {
		t.Errorf("%d in flight", n)
	}
}

// Success means told to stop: the result may be the request's own.
func TestACancelThatComesTooLate(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	f.obey(false)
	c := e.setup(1)
	e.submit(c, "noop\n")
	for range 2 {
		if err := c.Cancel([]byte("seq=1\n")); err != nil {
			t.Error(err)
		}
	}
	f.finish(1, 42)
	wantErrno(t, "what is over", c.Cancel([]byte("seq=1\n")), syscall.ENOENT)
	if got := e.cat(c); !strings.HasPrefix(got, "1 42 - seq=1 ") {
		t.Errorf("events %q", got)
	}
}

func TestCancelOfRealIO(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		fifo, w := tempFIFO(t)
		e.openSlot(c, 0, "rdwr", fifo)
		e.submit(c, "pread slot=0 tag=1 len=5\npoll slot=0 tag=2 events=in\npread tag=3 len=5 "+fifo+"\npread slot=0 tag=4 buf=0 len=5\n")
		for _, text := range []string{"tag=2\n", "tag=1\nseq=3\n", "all\n"} {
			if err := c.Cancel([]byte(text)); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		got := e.cat(c)
		for seq := 1; seq <= 4; seq++ {
			if want := fmt.Sprintf("%d -125 ECANCELED seq=%d ", seq, seq); !strings.Contains("\n"+got, "\n"+want) {
				t.Errorf("no %q in %q", want, got)
			}
		}
		if tags := c.OutTags(); len(tags) > 0 {
			t.Errorf("out/ has %v", tags)
		}
		if _, err := w.WriteString("kept"); err != nil {
			t.Fatal(err)
		}
		e.wantResult(self, c, "pread slot=0 len=9", "4 -")
	})
}

// A cancel that races with the completion ends in exactly one event, whichever it is, and no byte is lost.
func TestCancelRacesCompletion(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		c := e.setup(1)
		fifo, w := tempFIFO(t)
		e.openSlot(c, 0, "rdwr", fifo)
		s, r := e.submitter(c, false), e.reader(c, true, true)
		defer s.Close()
		defer r.Close()
		for i := range 300 {
			line := "pread slot=0 keep=no len=1\n"
			if i%3 == 0 {
				line = "pread keep=no len=1 " + fifo + "\n" // through a stage
			}
			e.write(s, line, len(line), 0)
			var both sync.WaitGroup
			both.Go(func() { w.Write([]byte("x")) })
			both.Go(func() { c.Cancel([]byte("all\n")) })
			both.Wait()
			testenv.Eventually(t, "the event comes", func() bool { return c.reqsActive.Load() == 0 })
			ev := e.events(r, 1)[0]
			if n, _ := r.Read(make([]byte, eventSize), true, nil); n != 0 {
				t.Fatal("two events of one request")
			}
			left, _ := unix.IoctlGetInt(int(w.Fd()), unix.TIOCINQ)
			switch {
			case ev.res == 1 && left == 0:
			case ev.res == ecanceled && left == 1:
				unix.Read(int(w.Fd()), make([]byte, 1))
			default:
				t.Fatalf("the result is %d, and %d bytes are left", ev.res, left)
			}
		}
	})
}

// A cancel that comes between the acceptance and the engine's knowing of the request is passed on.
func TestCancelBeforeTheEngineKnows(t *testing.T) {
	for name, line := range map[string]string{"slot": "fsync slot=0\n", "path": "pread keep=no len=1 /dev/null\n", "noop": "noop\n"} {
		t.Run(name, func(t *testing.T) {
			e, f := fakeEnv(t, Config{})
			c := e.setup(1)
			e.openSlot(c, 0, "rdonly", tempFile(t, ""))
			inside, leave := make(chan struct{}), make(chan struct{})
			f.onSubmit = func(*fakeQueue, []*engine.Request) {
				close(inside)
				<-leave
			}
			s := e.submitter(c, false)
			defer s.Close()
			w := beginWrite(t, s, line, nil)
			<-inside
			if err := c.Cancel([]byte("all\n")); err != nil {
				t.Error(err)
			}
			if calls := f.calls(); len(calls) != 1 {
				t.Errorf("%v: cancelled before Submit has returned", calls)
			}
			close(leave)
			w.want(len(line), 0)
			r := e.reader(c, true, false)
			defer r.Close()
			if ev := e.events(r, 1)[0]; ev.res != ecanceled {
				t.Errorf("event %v", ev)
			}
		})
	}
}

// A request that is over, and whose memory serves another, is not what an old cancel hits.
func TestACancelNeverHitsTheNextRequest(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\n")
	old := f.inflight()[0]
	f.onCancel = func(q *fakeQueue, batch []*engine.Request) {
		f.onCancel = nil
		q.complete(batch[0], 0) // it is over while the cancel is on its way
		e.submit(c, "noop\nnoop\nnoop\n")
		for _, r := range f.inflight() {
			if r == old {
				t.Error("a request was used again that a cancel still holds")
			}
		}
	}
	if err := c.Cancel([]byte("seq=1\n")); err != nil {
		t.Error(err)
	}
	if n := len(f.inflight()); n != 3 {
		t.Errorf("%d in flight, want 3", n)
	}
}

// Queued opens never run once they were cancelled; the one that hangs is left to its thread.
func TestCancelOfHungOpens(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		h := newHangOpen(t)
		c := e.setup(1)
		const n = threads.HangThreads/2 + 100 // more than there are threads for one context
		e.submit(c, strings.Repeat("pread keep=no len=1 "+h.path+"\n", n))
		testenv.Eventually(t, "some hang", func() bool { return h.arrived.Load() > 0 })
		if err := c.Cancel([]byte("all\n")); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(e.cat(c), " -125 ECANCELED "); got != n {
			t.Errorf("%d of %d are cancelled", got, n)
		}
		e.wantStat(c, "in_flight", 0)
		h.release()
		testenv.Eventually(t, "what was opened is closed", func() bool { return h.closed.Load() == h.arrived.Load() && !isOpen(h.path) })
		if h.arrived.Load() == n {
			t.Error("every open ran")
		}
	})
}

// An open that makes or truncates a file is not left alone: its event comes when it has been done.
func TestAnOpenThatChangesIsNotAbandoned(t *testing.T) {
	for _, flags := range []string{"creat", "trunc", "creat,trunc"} {
		t.Run(flags, func(t *testing.T) {
			e := threadsEnv(t, Config{})
			h := newHangOpen(t)
			c := e.setup(1)
			e.submit(c, "pwrite str=x open=wronly,"+flags+" "+h.path+"\n")
			testenv.Eventually(t, "the open hangs", func() bool { return h.arrived.Load() == 1 })
			if err := c.Cancel([]byte("all\n")); err != nil {
				t.Fatal(err)
			}
			e.wantStat(c, "in_flight", 1)
			h.release()
			if got := e.cat(c); strings.Count(got, "\n") != 1 {
				t.Errorf("events %q", got)
			}
			testenv.Eventually(t, "it is closed", func() bool { return h.closed.Load() == 1 })
		})
	}
}

// A kill leaves hung opens to their threads, and is over before they are answered.
func TestTheKillLeavesHungOpens(t *testing.T) {
	e := threadsEnv(t, Config{})
	h := newHangOpen(t)
	c := e.setup(1)
	e.submit(c, strings.Repeat("pread "+h.path+"\n", 20))
	testenv.Eventually(t, "some hang", func() bool { return h.arrived.Load() > 0 })
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	<-c.gone
	h.release()
	testenv.Eventually(t, "all are closed", func() bool { return h.closed.Load() == h.arrived.Load() && !isOpen(h.path) })
}

// A read that hangs in the file cannot be cancelled: its event comes when the file answers.
func TestAReadThatHangs(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		h := enginetest.NewHangFS(t)
		c := e.setup(1)
		e.openSlot(c, 0, "rdonly", h.Dir+"/hang")
		e.openSlot(c, 1, "rdonly", h.Dir+"/live")
		e.submit(c, "pread slot=0 keep=no len=1\npread slot=1 keep=no tag=9 len=7\npread keep=no tag=10 len=8 "+h.Dir+"/live\n")
		testenv.Eventually(t, "it hangs", func() bool { return h.Hanging() == 1 && c.reqsActive.Load() == 1 })
		if err := c.Cancel([]byte("seq=1\n")); err != nil {
			t.Error(err)
		}
		r := e.reader(c, true, false)
		defer r.Close()
		for _, ev := range e.events(r, 2) {
			if ev.res != int64(ev.data)-2 {
				t.Errorf("event %v", ev)
			}
		}
		if err := e.Destroy(1); err != nil {
			t.Fatal(err)
		}
		if got := string(c.Inflight()); !strings.HasPrefix(got, "1 - - seq=1 ") {
			t.Errorf("in flight: %q", got)
		}
		h.Release()
		<-c.gone
		testenv.Eventually(t, "the files are closed", func() bool { return !isOpen(h.Dir+"/hang") && !isOpen(h.Dir+"/live") })
	})
}
