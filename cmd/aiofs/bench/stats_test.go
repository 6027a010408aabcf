package bench

import (
	"math"
	"testing"
	"time"
)

func TestQuartiles(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   quartiles
	}{
		{[]float64{7}, quartiles{7, 7, 7}},
		{[]float64{2, 1}, quartiles{1.25, 1.5, 1.75}},
		{[]float64{3, 1, 2}, quartiles{1.5, 2, 2.5}},
		{[]float64{4, 1, 3, 2}, quartiles{1.75, 2.5, 3.25}},
		{[]float64{50, 10, 40, 20, 30}, quartiles{20, 30, 40}},
		{[]float64{1, 1, 1, 1000}, quartiles{1, 1, 250.75}},
	} {
		if got := quartilesOf(c.values); got != c.want {
			t.Errorf("quartiles of %v: %v, want %v", c.values, got, c.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i)*time.Microsecond)
	}
	for _, c := range []struct {
		name  string
		times []time.Duration
		p     float64
		want  float64 // ns
	}{
		{"none", nil, 0.5, 0},
		{"one", []time.Duration{5}, 0.99, 5},
		{"zero", []time.Duration{0, 0, 9}, 0.5, 0},
		{"median of two is the lower", []time.Duration{63, 20}, 0.5, 20},
		{"half of a hundred", hundred, 0.5, 50e3},
		{"99 of a hundred", hundred, 0.99, 99e3},
		{"all of a hundred", hundred, 1, 100e3},
		{"far apart", []time.Duration{1, 1, 1, time.Hour}, 0.99, 3600e9},
	} {
		var h, half histogram
		for i, d := range c.times {
			if i%2 == 0 {
				h.add(d)
			} else {
				half.add(d)
			}
		}
		h.merge(&half)
		if got := h.percentile(c.p); math.Abs(got-c.want) > 0.016*c.want {
			t.Errorf("%s: percentile %g is %g ns, want %g", c.name, c.p, got, c.want)
		}
	}
}

// Each bucket begins where the one before it ends, up to the largest time there is.
func TestBuckets(t *testing.T) {
	if got := bucketOf(math.MaxUint64); got != bucketCount-1 {
		t.Errorf("the last bucket is %d, want %d", got, bucketCount-1)
	}
	last := 0
	for ns := uint64(0); ns < 1<<16; ns++ {
		b := bucketOf(ns)
		if b != last && b != last+1 {
			t.Fatalf("bucket %d follows %d at %d ns", b, last, ns)
		}
		if m := middleOf(b); math.Abs(m-float64(ns)) > 0.016*float64(ns) {
			t.Fatalf("%d ns lie in a bucket around %g", ns, m)
		}
		last = b
	}
}

// The ratio is that of each round, however the disk drifts between them.
func TestRatioIsPerRound(t *testing.T) {
	base := []sliceResult{{OpsPerSec: 100}, {OpsPerSec: 1000}, {OpsPerSec: 10}}
	mine := []sliceResult{{OpsPerSec: 60}, {OpsPerSec: 700}, {OpsPerSec: 8}}
	p := newPathResult("files", mine, base)
	if p.Ratio == nil || p.Ratio.Median != 0.7 || p.OpsPerSec != 60 {
		t.Errorf("ratio %v and %g ops/s, want 0.7 and 60", p.Ratio, p.OpsPerSec)
	}
	if p := newPathResult("files", mine, nil); p.Ratio != nil {
		t.Errorf("ratio %v to nothing", p.Ratio)
	}
}
