package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options is what the command line asks for.
type options struct {
	file        string // "": one of our own
	jobs        []job
	ways        []way
	chosen      bool          // the user has named the ways
	rounds      int           // slices of each path
	slice       time.Duration // of one path's turn
	size        int64         // bytes of a file that is made
	engine      string        // of the mount
	sqIdle      string        // of the mount; "": what it has by itself
	json        bool
	verify      bool
	destructive bool
}

const usageHead = `Usage: aiofs bench [FILE] [flags]

Measures the same requests through submit and events_raw of a mount (files), there with iocbs as a program has them that was written
for io_submit, of its own descriptors and memory (native), through sq, ring and buf of a mount in shared memory (shared), raw io_uring (uring), the kernel's AIO (aio), pread on as many goroutines as requests are in flight (goroutines), and one
pread after the other (sync). The paths take turns; a path's ratio is the median, over all rounds, of its operations a second by
those of uring in the same round.

Without FILE, or where there is none, one is made (in /var/tmp without FILE) and removed at the end. The directory of FILE
decides which disk is measured. Without --preset and without a flag that describes a job, the presets %s run.

Presets:
`

const usageTail = `
Sizes may end in K, M or G. Flags may stand before and after FILE.
`

func printUsage(w io.Writer) {
	var names []string
	for _, j := range presets[:defaultPresets] {
		names = append(names, j.Name)
	}
	fmt.Fprintf(w, usageHead, strings.Join(names, ", "))
	for _, j := range presets {
		fmt.Fprintf(w, "  %-16s  %s\n", j.Name, j)
	}
	fmt.Fprint(w, "\nFlags:\n")
	var c commandLine
	c.flags().VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		if f.DefValue != "false" && f.DefValue != "" {
			usage += " (" + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %-18s  %s\n", strings.TrimSpace("--"+f.Name+" "+value), usage)
	})
	fmt.Fprint(w, usageTail)
}

// A commandLine is what the flags are set to.
type commandLine struct {
	options
	presets string
	paths   string
	block   int64
	job     job
	direct  bool
	cold    bool
}

// describing are the flags that make a job of their own.
var describing = []string{"write", "sequential", "bs", "depth", "batch", "direct", "cold"}

func (c *commandLine) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("aiofs bench", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.block, c.size = 4<<10, 1<<30
	fs.StringVar(&c.presets, "preset", "", "`NAMES` of presets, separated by commas")
	fs.StringVar(&c.paths, "paths", wayNames(), "`NAMES` of the paths")
	fs.BoolVar(&c.job.Write, "write", false, "write instead of read")
	fs.BoolVar(&c.job.Sequential, "sequential", false, "one block after the other instead of random ones")
	fs.Var((*size)(&c.block), "bs", "`SIZE` of a request in bytes, a multiple of 512")
	fs.IntVar(&c.job.Depth, "depth", 32, "`N` requests in flight")
	fs.IntVar(&c.job.Batch, "batch", 0, "`N` requests handed over at once, at most; 0: as many as are in flight")
	fs.BoolVar(&c.direct, "direct", false, "pass the page cache by (O_DIRECT); without it and --cold all is in the page cache")
	fs.BoolVar(&c.cold, "cold", false, "drop the file from the page cache before each slice")
	fs.IntVar(&c.rounds, "slices", 20, "`N` slices of each path")
	fs.DurationVar(&c.slice, "slice", 500*time.Millisecond, "`TIME` that a slice takes")
	fs.Var((*size)(&c.size), "size", "`SIZE` of the file where one is made")
	fs.StringVar(&c.engine, "engine", "auto", "`NAME` of the mount's engine: auto, uring or threads")
	fs.StringVar(&c.sqIdle, "sq-idle", "", "`TIME` that the mount looks at sq without a request; 0: never, the client rings for each batch")
	fs.BoolVar(&c.json, "json", false, "a report for a program instead of a table")
	fs.BoolVar(&c.verify, "verify", false, "check every byte that is read or written; only with a file made here, and slower")
	fs.BoolVar(&c.destructive, "destructive", false, "let --write overwrite a FILE that was there before")
	return fs
}

// parse reads the command line. flag.ErrHelp asks for the usage; every other error wraps ErrUsage.
func parse(args []string) (options, error) {
	var c commandLine
	fs := c.flags()
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return options{}, err
		} else if err != nil {
			return options{}, usagef("%w; see aiofs bench --help", err)
		}
		if fs.NArg() == 0 {
			break
		}
		if c.file != "" || fs.Arg(0) == "" {
			return options{}, usagef("one FILE, please, not %q", fs.Arg(0))
		}
		c.file = fs.Arg(0)
		args = fs.Args()[1:]
	}
	if err := c.complete(fs); err != nil {
		return options{}, err
	}
	return c.options, c.options.check()
}

// complete makes jobs and paths of what was given by name.
func (c *commandLine) complete(fs *flag.FlagSet) error {
	described := false
	fs.Visit(func(f *flag.Flag) {
		described = described || slices.Contains(describing, f.Name)
		c.chosen = c.chosen || f.Name == "paths"
	})
	switch {
	case described && c.presets != "":
		return usagef("--preset leaves nothing for --%s to say", strings.Join(describing, ", --"))
	case described:
		c.jobs = []job{c.described()}
	case c.presets == "":
		c.jobs = presets[:defaultPresets]
	default:
		for name := range strings.SplitSeq(c.presets, ",") {
			j, ok := preset(name)
			if !ok {
				return usagef("no preset is called %q; see aiofs bench --help", name)
			}
			c.jobs = append(c.jobs, j)
		}
	}
	for name := range strings.SplitSeq(c.paths, ",") {
		i := slices.IndexFunc(ways, func(w way) bool { return w.name == name })
		if i < 0 {
			return usagef("no path is called %q; there are %s", name, wayNames())
		}
		c.ways = append(c.ways, ways[i])
	}
	if c.direct && c.cold {
		return usagef("--direct and --cold exclude each other: O_DIRECT passes the page cache by")
	}
	return nil
}

// described is the job that the flags describe.
func (c *commandLine) described() job {
	j := c.job
	j.Name, j.Block, j.Cache = "custom", int(c.block), cacheWarm
	if j.Batch == 0 {
		j.Batch = j.Depth
	}
	switch {
	case c.direct:
		j.Cache = cacheDirect
	case c.cold:
		j.Cache = cacheCold
	}
	return j
}

// check refuses what cannot be done.
func (o *options) check() error {
	const maxDepth = 1 << 16
	for _, j := range o.jobs {
		switch {
		case j.Block <= 0 || j.Block%sector != 0 || j.Block > math.MaxInt32:
			return usagef("--bs must be a multiple of %d below 2G", sector)
		case j.Depth < 1 || j.Depth > maxDepth:
			return usagef("--depth must be between 1 and %d", maxDepth)
		case j.Batch < 1 || j.Batch > j.Depth:
			return usagef("--batch must be between 1 and --depth, which is %d", j.Depth)
		}
	}
	switch {
	case o.rounds < 1 || o.slice <= 0:
		return usagef("--slices and --slice must be above 0")
	case !slices.Contains([]string{"auto", "uring", "threads"}, o.engine):
		return usagef("--engine must be auto, uring or threads")
	}
	return nil
}

// mountOptions are those of the daemon.
func (o *options) mountOptions() string {
	text := "engine=" + o.engine
	if o.sqIdle != "" {
		text += ",sq_idle=" + o.sqIdle
	}
	return text
}

// writes says whether a job writes.
func (o *options) writes() bool {
	return slices.ContainsFunc(o.jobs, func(j job) bool { return j.Write })
}

// size is a flag's number of bytes.
type size int64

func (s *size) String() string {
	return strings.NewReplacer(" bytes", "", " ", "", "iB", "").Replace(bytesText(int64(*s)))
}

func (s *size) Set(v string) error {
	digits, shift := v, 0
	if i := strings.IndexAny(v, "KMG"); i >= 0 && i == len(v)-1 {
		digits, shift = v[:i], 10*(1+strings.IndexByte("KMG", v[i]))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64>>shift {
		return errors.New("needs a size above 0, as 4096 or 4K, 64M, 1G")
	}
	*s = size(n << shift)
	return nil
}
