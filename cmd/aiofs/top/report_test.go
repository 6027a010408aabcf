package top

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func values(pairs ...any) map[string]uint64 {
	v := make(map[string]uint64)
	for i := 0; i < len(pairs); i += 2 {
		v[pairs[i].(string)] = uint64(pairs[i+1].(int))
	}
	return v
}

func bound(p *uint64) uint64 {
	if p == nil {
		return 0
	}
	return *p
}

func TestPercentile(t *testing.T) {
	before := values("usec_lt_8", 1000, "usec_more", 4)
	for _, tt := range []struct {
		now      map[string]uint64
		p50, p99 uint64 // 0: none
	}{
		{before, 0, 0},
		{values("usec_lt_8", 1001, "usec_more", 4), 8, 8},
		{values("usec_lt_8", 1050, "usec_lt_64", 50, "usec_more", 4), 8, 64},
		{values("usec_lt_8", 1049, "usec_lt_64", 51, "usec_more", 4), 64, 64},
		{values("usec_lt_8", 1099, "usec_more", 5), 8, 8},
		{values("usec_lt_8", 1098, "usec_more", 6), 8, slowest},
		{values("usec_lt_8", 1000, "usec_lt_1", 3, "usec_lt_67108864", 3, "usec_more", 4), 1, 67108864},
	} {
		if p50, p99 := bound(percentile(tt.now, before, .5)), bound(percentile(tt.now, before, .99)); p50 != tt.p50 || p99 != tt.p99 {
			t.Errorf("%v: p50 %d, p99 %d; want %d, %d", tt.now, p50, p99, tt.p50, tt.p99)
		}
	}
}

// A context that was made anew under the same number is not compared with the one before it.
func TestCompare(t *testing.T) {
	start := time.Now()
	a := &sample{at: start, contexts: []counters{
		{id: 1, ino: 10, values: values("completed", 100, "read_bytes", 1000, "failed", 5)},
		{id: 2, ino: 20, values: values("completed", 100)},
	}}
	b := &sample{at: start.Add(2 * time.Second), engine: "uring", hidden: 3, contexts: []counters{
		{id: 1, ino: 10, uid: 7, values: values("completed", 300, "read_bytes", 5000, "failed", 6, "in_flight", 9, "nr_events", 64)},
		{id: 2, ino: 30, values: values("completed", 40, "submitted", 50)},
	}}
	r := compare("/m", a, b)
	if r.Interval != 2 || r.Hidden != 3 || r.Engine != "uring" || len(r.Contexts) != 2 {
		t.Fatalf("%+v", r)
	}
	one, two := r.Contexts[0], r.Contexts[1]
	if one.Requests != 100 || one.ReadBytes != 2000 || one.Failures != .5 || one.InFlight != 9 || one.UID != 7 || one.NrEvents != 64 {
		t.Errorf("%+v", one)
	}
	if two.Requests != 20 || two.Submitted != 50 || two.P50 != nil {
		t.Errorf("%+v", two)
	}
	if same := compare("/m", a, a); same.Contexts[0].Requests != 0 {
		t.Errorf("a rate over no time: %v", same.Contexts[0].Requests)
	}
}

// The keys of the JSON are an interface.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	r := compare("/m", &sample{}, &sample{contexts: []counters{{id: 4}}})
	if err := (&options{json: true}).print(&b, r); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || strings.Count(b.String(), "\n") != 1 {
		t.Fatalf("%v: %q", err, &b)
	}
	row := got["contexts"].([]any)[0].(map[string]any)
	for _, key := range []string{
		"ctx", "uid", "nr_events", "submitted", "completed", "failed", "cancelled", "in_flight", "in_ring", "requests_per_second",
		"failures_per_second", "read_bytes_per_second", "write_bytes_per_second", "p50_usec", "p99_usec",
	} {
		if _, ok := row[key]; !ok {
			t.Errorf("no %s in %s", key, &b)
		}
	}
	for _, key := range []string{"time", "mount", "engine", "interval_seconds", "hidden_contexts"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no %s in %s", key, &b)
		}
	}
}
