package enginetest

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

var batchTests = []test{
	{"batch of thousands", testBatch},
	{"submit from many goroutines", testManySubmitters},
	{"many queues", testManyQueues},
	{"submit from Complete", testSubmitFromComplete},
}

const block = 512

// job is one request of a mixed batch.
type job struct {
	*Call
	want  int64
	check func()
}

// mixed makes n requests of all kinds: reads of src, and writes to dst, block i of which becomes block i of src.
func (f *fixture) mixed(n int, src, dst int32, buf []byte) []*job {
	jobs := make([]*job, 0, n)
	for i := range n {
		off := i * block
		b := buf[off : off+block]
		j := &job{want: block}
		switch i % 8 {
		case 0, 1, 2:
			j.Call = f.call(engine.Request{Op: engine.OpRead, FD: src, Off: int64(off), Buf: b})
			j.check = func() { f.wantPattern(b, off) }
		case 3:
			j.Call = f.call(engine.Request{Op: engine.OpRead, FD: src, Off: int64(off), Iov: [][]byte{b[:99], b[99:]}, RWF: unix.RWF_HIPRI})
			j.check = func() { f.wantPattern(b, off) }
		case 4, 5:
			for k := range b {
				b[k] = pattern(off + k)
			}
			j.Call = f.call(engine.Request{Op: engine.OpWrite, FD: dst, Off: int64(off), Buf: b})
		case 6:
			j.Call, j.want = f.call(engine.Request{Op: engine.OpNop}), 0
		case 7:
			j.Call, j.want = f.call(engine.Request{Op: engine.OpPoll, FD: src, Events: unix.POLLIN}), unix.POLLIN
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// finish waits for all jobs and looks at what they did.
func (f *fixture) finish(jobs []*job, dst int32) {
	f.Helper()
	b := make([]byte, block)
	for i, j := range jobs {
		if res := j.Wait(); res != j.want {
			f.Fatalf("%s: %s, want %d", describe(&j.Request), result(res), j.want)
		}
		if j.check != nil {
			j.check()
		}
		if j.Op != engine.OpWrite {
			continue
		}
		if _, err := unix.Pread(int(dst), b, int64(i*block)); err != nil {
			f.Fatal(err)
		}
		f.wantPattern(b, i*block)
	}
}

func calls(jobs []*job) []*Call {
	cs := make([]*Call, len(jobs))
	for i, j := range jobs {
		cs[i] = j.Call
	}
	return cs
}

func testBatch(f *fixture) {
	const n = depth
	src, dst, buf := f.file(n*block, unix.O_RDONLY), f.file(0, unix.O_RDWR), f.memory(n*block)
	jobs := f.mixed(n, src, dst, buf)
	for range 2 { // the second time with objects that have been used
		f.submit(calls(jobs)...)
		f.finish(jobs, dst)
	}
}

func testManySubmitters(f *fixture) {
	const n, each = 2048, 256
	src, dst, buf := f.file(n*block, unix.O_RDONLY), f.file(0, unix.O_RDWR), f.memory(n*block)
	jobs := f.mixed(n, src, dst, buf)
	var submitters sync.WaitGroup
	for at := 0; at < n; at += each {
		for _, c := range calls(jobs[at : at+each]) {
			c.submitted.Add(1)
		}
		batch := requests(calls(jobs[at : at+each]))
		submitters.Go(func() {
			for i := 0; i < each; i += 16 {
				f.queue.Submit(batch[i : i+16])
			}
		})
	}
	submitters.Wait()
	f.finish(jobs, dst)
}

func testManyQueues(f *fixture) {
	const queues, each = 8, 64
	const n = queues * each
	src, dst, buf := f.file(n*block, unix.O_RDONLY), f.file(0, unix.O_RDWR), f.memory(n*block)
	jobs := f.mixed(n, src, dst, buf)
	for i := range queues {
		f.submitTo(f.newQueue(), calls(jobs[i*each:(i+1)*each])...)
	}
	f.finish(jobs, dst)
}

// resubmitter submits its request again from Complete, which an engine may call in its innermost loop.
type resubmitter struct {
	engine.Request
	queue engine.Queue
	left  int
	bad   int64
	done  chan struct{}
}

func (r *resubmitter) Complete(res int64) {
	if res != block {
		r.bad = res
	}
	if r.left--; r.left == 0 {
		close(r.done)
		return
	}
	r.Off += block
	r.queue.Submit([]*engine.Request{&r.Request})
}

func testSubmitFromComplete(f *fixture) {
	const n = 300
	r := &resubmitter{queue: f.queue, left: n, done: make(chan struct{})}
	r.Request = engine.Request{Op: engine.OpRead, FD: f.file(n*block, unix.O_RDONLY), Buf: f.memory(block), Owner: r}
	f.queue.Submit([]*engine.Request{&r.Request})
	f.promptly("the chain of reads", func() { <-r.done })
	if r.bad != 0 {
		f.Fatalf("%s, want %d", result(r.bad), block)
	}
	f.wantPattern(r.Buf, (n-1)*block)
}
