package ioctx

import (
	"fmt"
	"strconv"
)

// exposition is text in Prometheus' text exposition format 0.0.4. No label value here holds what would have to be escaped.
type exposition struct {
	text []byte
	name string // of the family that values belong to
}

// family begins a metric family.
func (e *exposition) family(name, typ, help string) {
	e.name = name
	e.text = fmt.Appendf(e.text, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, help, typ)
}

// value is one value of the family, with at most one label.
func (e *exposition) value(n uint64, label, is string) {
	e.text = fmt.Appendf(e.text, "%s{%s=%q} %d\n", e.name, label, is, n)
}

// single is a family of one value without labels.
func (e *exposition) single(name, typ, help string, n uint64) {
	e.family(name, typ, help)
	e.text = fmt.Appendf(e.text, "%s %d\n", name, n)
}

// durations is the histogram of a tally, by class of operation. Buckets are cumulative; the base unit is the second.
func (e *exposition) durations(t *tally) {
	e.family("aiofs_request_duration_seconds", "histogram", "Time from the acceptance of a request to its completion.")
	for class, name := range opClassNames {
		n := uint64(0)
		for i, in := range t.latency[class] {
			n += in
			le := "+Inf"
			if i < latencyBuckets-1 {
				le = seconds(1000 << i)
			}
			e.text = fmt.Appendf(e.text, "%s_bucket{op=%q,le=%q} %d\n", e.name, name, le, n)
		}
		e.text = fmt.Appendf(e.text, "%s_sum{op=%q} %s\n%[1]s_count{op=%[2]q} %[4]d\n", e.name, name, seconds(t.nsec[class]), n)
	}
}

// seconds formats nanoseconds.
func seconds(nsec uint64) string { return strconv.FormatFloat(float64(nsec)/1e9, 'g', -1, 64) }
