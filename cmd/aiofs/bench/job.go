package bench

import "fmt"

// A job is work of one kind, which every path does in its turn.
type job struct {
	Name       string `json:"name"`
	Write      bool   `json:"write"`
	Sequential bool   `json:"sequential"`
	Block      int    `json:"block"` // bytes of a request
	Depth      int    `json:"depth"` // requests in flight
	Batch      int    `json:"batch"` // requests that are handed over at once, at most
	Cache      cache  `json:"cache"`
}

// A cache says what a job has to do with the page cache.
type cache string

const (
	cacheDirect cache = "direct" // passed by: O_DIRECT
	cacheCold   cache = "cold"   // emptied of the file before each slice
	cacheWarm   cache = "cached" // holds all that the job reads
)

// presets are the jobs that have a name. The first ones, which none names, are the numbers that the project is held to.
var presets = []job{
	{Name: "direct-32", Block: 4 << 10, Depth: 32, Batch: 32, Cache: cacheDirect},
	{Name: "direct-1", Block: 4 << 10, Depth: 1, Batch: 1, Cache: cacheDirect},
	{Name: "cached-256", Block: 4 << 10, Depth: 256, Batch: 256, Cache: cacheWarm},
	{Name: "cold-32", Block: 4 << 10, Depth: 32, Batch: 32, Cache: cacheCold},
	{Name: "direct-1m", Block: 1 << 20, Depth: 8, Batch: 8, Cache: cacheDirect},
	{Name: "cached-1m", Block: 1 << 20, Depth: 8, Batch: 8, Cache: cacheWarm},
	{Name: "cached-32", Block: 4 << 10, Depth: 32, Batch: 32, Cache: cacheWarm},
	{Name: "sequential-128k", Sequential: true, Block: 128 << 10, Depth: 16, Batch: 16, Cache: cacheDirect},
	{Name: "write-32", Write: true, Block: 4 << 10, Depth: 32, Batch: 32, Cache: cacheDirect},
}

const defaultPresets = 4

func preset(name string) (job, bool) {
	for _, j := range presets {
		if j.Name == name {
			return j, true
		}
	}
	return job{}, false
}

// String says what the job does.
func (j job) String() string {
	order, op := "random", "reads"
	if j.Sequential {
		order = "sequential"
	}
	if j.Write {
		op = "writes"
	}
	return fmt.Sprintf("%s %s %s, %s, %d in flight, batches of up to %d", order, bytesText(int64(j.Block)), op, j.Cache, j.Depth, j.Batch)
}

// notes are what a reader of the numbers must know of how they came about.
func (j job) notes() (n []string) {
	switch {
	case j.Cache == cacheCold:
		n = append(n, "before each slice the file's pages are dropped from the page cache (posix_fadvise, POSIX_FADV_DONTNEED)")
	case j.Cache == cacheWarm && !j.Write:
		n = append(n, fmt.Sprintf("all from the page cache: at most the file's first %s, read once before", bytesText(warmSpan)))
	}
	if j.Write {
		return append(n, "written, not synced; files: the bytes lie in the context's buf already")
	}
	return append(n, "files: the bytes are in the context's buf when the event comes; fetching them from there is not counted")
}

// bytesText is n in the largest unit that divides it.
func bytesText(n int64) string {
	for _, unit := range []struct {
		shift uint
		name  string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n >= 1<<unit.shift && n&(1<<unit.shift-1) == 0 {
			return fmt.Sprintf("%d %s", n>>unit.shift, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
