package bench

import "slices"

// quartiles are the lower quartile, the median and the upper quartile.
type quartiles struct {
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
}

// quartilesOf takes any number of values in any order, one at least.
func quartilesOf(values []float64) quartiles {
	v := slices.Sorted(slices.Values(values))
	return quartiles{quantile(v, 0.25), quantile(v, 0.5), quantile(v, 0.75)}
}

func median(values []float64) float64 { return quartilesOf(values).Median }

// quantile of sorted values: between two of them in proportion, as spreadsheets' PERCENTILE and R's type 7.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
