package bench

import (
	"math"
	"math/bits"
	"time"
)

// A histogram counts times to within 1.6 per cent, in buckets of which each power of two of nanoseconds has 32. It costs a few
// nanoseconds a time, so it can be kept where requests are a million a second.
type histogram struct {
	n       int64
	buckets [bucketCount]int64
}

const (
	subBits     = 5
	subBuckets  = 1 << subBits // of a power of two
	bucketCount = subBuckets * (64 - subBits + 1)
)

// bucketOf is exact below 2*subBuckets nanoseconds.
func bucketOf(ns uint64) int {
	if ns < 2*subBuckets {
		return int(ns)
	}
	shift := bits.Len64(ns) - subBits - 1
	return subBuckets*shift + int(ns>>shift)
}

// middleOf is the nanoseconds that a bucket stands for.
func middleOf(bucket int) float64 {
	if bucket < 2*subBuckets {
		return float64(bucket)
	}
	shift := bucket/subBuckets - 1
	low := uint64(bucket-subBuckets*shift) << shift
	return float64(low) + float64(uint64(1)<<shift-1)/2
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(uint64(max(d, 0)))]++
	h.n++
}

func (h *histogram) merge(o *histogram) {
	h.n += o.n
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
}

// percentile is the smallest time that a share p, above 0 and at most 1, of all times does not exceed, in nanoseconds; 0 where there
// are none.
func (h *histogram) percentile(p float64) float64 {
	rank := int64(math.Ceil(p * float64(h.n)))
	for i, n := range h.buckets {
		if rank -= n; n > 0 && rank <= 0 {
			return middleOf(i)
		}
	}
	return 0
}
