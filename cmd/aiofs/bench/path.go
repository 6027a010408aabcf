package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// A path is one way to have the kernel do a job's requests. One goroutine uses it.
type path interface {
	// run keeps the job's depth of requests in flight until the slice's time is over, waits for those that are in flight, and
	// records each. However late it comes, it does one.
	run(s *slice) error
	// close gives everything back, after a run that failed as well.
	close() error
}

// A way is a path that can be opened for a job.
type way struct {
	name  string
	open  func(*setup) (path, error)
	mount bool // goes through the mount
	maybe bool // need not be possible: ENODEV or engine.ErrUnsupported where it is not
}

// reference is the way that the others are compared with.
const reference = "uring"

// ways are all there are, in the order in which they are shown.
var ways = []way{
	{name: "files", open: openFiles, mount: true},
	{name: "native", open: openNative, mount: true},
	{name: "shared", open: openShared, mount: true, maybe: true},
	{name: reference, open: openUring, maybe: true},
	{name: "aio", open: openAIO},
	{name: "goroutines", open: openGoroutines},
	{name: "sync", open: openSync},
}

func wayNames() string {
	names := make([]string, len(ways))
	for i, w := range ways {
		names[i] = w.name
	}
	return strings.Join(names, ",")
}

// A setup is what a path is opened with, and where its requests go.
type setup struct {
	job
	name   string   // the file's path, absolute
	file   *os.File // open as the job wants it
	span   int64    // bytes of the file that are used, from its start
	daemon *daemon  // of the mount

	verify *verifier    // nil: nobody looks at the bytes
	seq    atomic.Int64 // blocks handed out, of a sequential job
}

// next is the offset of another request. Any goroutine may call it.
func (s *setup) next() int64 {
	blocks := s.span / int64(s.Block)
	if s.Sequential {
		return (s.seq.Add(1) - 1) % blocks * int64(s.Block)
	}
	return rand.Int64N(blocks) * int64(s.Block)
}

// short is the error for a request that moved something else than a block; res below 0 is -errno.
func (s *setup) short(off, res int64) error {
	op := "read"
	if s.Write {
		op = "write"
	}
	if res < 0 {
		return fmt.Errorf("%s of %d bytes at %d: %w", op, s.Block, off, errnoOf(res))
	}
	return fmt.Errorf("%s of %d bytes at %d: only %d were", op, s.Block, off, res)
}

// A slice is one path's turn.
type slice struct {
	until   time.Time // no request starts after it
	took    time.Duration
	latency histogram
}

// sliceResult is what came out of a slice. Times are in microseconds, from handing a request over to having its completion.
type sliceResult struct {
	OpsPerSec float64 `json:"ops_per_sec"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
}

func (s *slice) result() sliceResult {
	return sliceResult{
		OpsPerSec: float64(s.latency.n) / s.took.Seconds(),
		P50:       s.latency.percentile(0.50) / 1e3,
		P99:       s.latency.percentile(0.99) / 1e3,
	}
}
