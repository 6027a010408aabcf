package top

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Report is what lies between two samples; its JSON is a line of `aiofs top --json`. Keys are only ever added.
type Report struct {
	Time     time.Time `json:"time"`
	Mount    string    `json:"mount"`
	Engine   string    `json:"engine"` // "" where there is no context
	Interval float64   `json:"interval_seconds"`
	Hidden   int       `json:"hidden_contexts"` // of other users
	Contexts []Row     `json:"contexts"`
}

// Row is one context.
type Row struct {
	Ctx       uint32 `json:"ctx"`
	UID       uint32 `json:"uid"`
	NrEvents  uint64 `json:"nr_events"`
	Submitted uint64 `json:"submitted"`
	Completed uint64 `json:"completed"`
	Failed    uint64 `json:"failed"`
	Cancelled uint64 `json:"cancelled"`
	InFlight  uint64 `json:"in_flight"`
	InRing    uint64 `json:"in_ring"`

	// In the interval, by the second.
	Requests   float64 `json:"requests_per_second"`
	Failures   float64 `json:"failures_per_second"`
	ReadBytes  float64 `json:"read_bytes_per_second"`
	WriteBytes float64 `json:"write_bytes_per_second"`

	// Upper bounds in microseconds, powers of two, of what completed in the interval; null where nothing did. 2^27 stands for all
	// that took 2^26, 67 seconds, or more.
	P50 *uint64 `json:"p50_usec"`
	P99 *uint64 `json:"p99_usec"`
}

// compare makes a report of two samples. A context that is new in the second one began at 0.
func compare(mount string, a, b *sample) *Report {
	r := &Report{
		Time: b.at, Mount: mount, Engine: b.engine, Interval: b.at.Sub(a.at).Seconds(), Hidden: b.hidden, Contexts: []Row{},
	}
	before := make(map[uint64]map[string]uint64)
	for _, c := range a.contexts {
		before[c.ino] = c.values
	}
	for _, c := range b.contexts {
		r.Contexts = append(r.Contexts, newRow(c, before[c.ino], r.Interval))
	}
	return r
}

func newRow(c counters, before map[string]uint64, seconds float64) Row {
	v := c.values
	rate := func(key string) float64 {
		if seconds <= 0 {
			return 0
		}
		return float64(v[key]-before[key]) / seconds
	}
	return Row{
		Ctx: c.id, UID: c.uid, NrEvents: v["nr_events"], Submitted: v["submitted"], Completed: v["completed"],
		Failed: v["failed"], Cancelled: v["cancelled"], InFlight: v["in_flight"], InRing: v["in_ring"],
		Requests: rate("completed"), Failures: rate("failed"), ReadBytes: rate("read_bytes"), WriteBytes: rate("write_bytes"),
		P50: percentile(v, before, .5), P99: percentile(v, before, .99),
	}
}

// An order is what rows are sorted by.
type order struct {
	key  byte // that chooses it
	name string
	less func(a, b Row) int
}

var orders = []order{
	{'r', "rate", func(a, b Row) int { return cmp.Compare(b.Requests, a.Requests) }},
	{'l', "latency", func(a, b Row) int { return cmp.Compare(orZero(b.P99), orZero(a.P99)) }},
	{'i', "in flight", func(a, b Row) int { return cmp.Compare(b.InFlight, a.InFlight) }},
	{'e', "errors", func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Failures, a.Failures), cmp.Compare(b.Failed, a.Failed))
	}},
	{'n', "number", func(Row, Row) int { return 0 }},
}

// sortBy sorts rows, the equal ones by number.
func (r *Report) sortBy(o order) {
	slices.SortFunc(r.Contexts, func(a, b Row) int { return cmp.Or(o.less(a, b), cmp.Compare(a.Ctx, b.Ctx)) })
}

func orZero(p *uint64) uint64 {
	if p == nil {
		return 0
	}
	return *p
}

// slowest is the bound that stands for the bucket without one.
const slowest = 1 << 27

// percentile is the bound below which the part q of the requests lies that completed between two looks at stat.
func percentile(v, before map[string]uint64, q float64) *uint64 {
	type bucket struct{ bound, n uint64 }
	var buckets []bucket
	total := uint64(0)
	for bound := uint64(1); bound <= slowest; bound <<= 1 {
		key := "usec_more"
		if bound < slowest {
			key = bucketKey(bound)
		}
		n := v[key] - before[key]
		buckets = append(buckets, bucket{bound, n})
		total += n
	}
	if total == 0 {
		return nil
	}
	rank := uint64(math.Ceil(q * float64(total)))
	for _, b := range buckets {
		if rank <= b.n {
			return &b.bound
		}
		rank -= b.n
	}
	return nil // not reached: rank is at most total
}
