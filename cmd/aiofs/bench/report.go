package bench

import "time"

// A report is what --json prints. New keys may come.
type report struct {
	Machine machine     `json:"machine"`
	File    fileInfo    `json:"file"`
	Engine  string      `json:"engine"` // as asked for
	Slices  int         `json:"slices"`
	Slice   float64     `json:"slice_s"`
	Verify  bool        `json:"verify"`
	Began   time.Time   `json:"began"`
	Jobs    []jobResult `json:"jobs"`
}

// A jobResult is what became of a job.
type jobResult struct {
	job
	Notes []string     `json:"notes"`
	Paths []pathResult `json:"paths"`
}

// A pathResult is the medians over a path's slices.
type pathResult struct {
	Path string `json:"path"`
	sliceResult
	// Ratio is to the operations a second of the reference in the same round; nil without it.
	Ratio  *quartiles    `json:"ratio_to_uring"`
	Slices []sliceResult `json:"slices"` // in the order of the rounds
	// Verified is how many blocks were found to hold what they should, with --verify.
	Verified int `json:"verified,omitempty"`
}

func newReport(t *target, o options) *report {
	return &report{
		Machine: thisMachine(), File: infoOf(t), Engine: o.engine,
		Slices: o.rounds, Slice: o.slice.Seconds(), Verify: o.verify, Began: time.Now().Round(time.Second),
	}
}

func newJobResult(j job, notes []string, runners []*runner) jobResult {
	res := jobResult{job: j, Notes: notes}
	var base []sliceResult
	for _, r := range runners {
		if r.way.name == reference {
			base = r.slices
		}
	}
	for _, r := range runners {
		p := newPathResult(r.way.name, r.slices, base)
		if r.verify != nil {
			p.Verified = r.verify.checked
		}
		res.Paths = append(res.Paths, p)
	}
	return res
}

// newPathResult compares each slice with that of the reference in the same round; base is nil without one.
func newPathResult(name string, slices, base []sliceResult) pathResult {
	of := func(value func(sliceResult) float64) float64 {
		values := make([]float64, len(slices))
		for i, s := range slices {
			values[i] = value(s)
		}
		return median(values)
	}
	p := pathResult{Path: name, Slices: slices, sliceResult: sliceResult{
		OpsPerSec: of(func(s sliceResult) float64 { return s.OpsPerSec }),
		P50:       of(func(s sliceResult) float64 { return s.P50 }),
		P99:       of(func(s sliceResult) float64 { return s.P99 }),
	}}
	if base != nil {
		ratios := make([]float64, len(slices))
		for i, s := range slices {
			ratios[i] = s.OpsPerSec / base[i].OpsPerSec
		}
		q := quartilesOf(ratios)
		p.Ratio = &q
	}
	return p
}
