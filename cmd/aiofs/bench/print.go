package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// printHead says what is measured on what.
func (r *report) printHead(w io.Writer) {
	m, f := r.Machine, r.File
	fmt.Fprintf(w, "machine  %s, %d cores; load average %s at the start\n", m.CPU, m.Cores, m.Load)
	fmt.Fprintf(w, "kernel   %s\n", m.Kernel)
	fmt.Fprintf(w, "file     %s, %s; %s on %s\n", f.Name, bytesText(f.Size), f.FSType, f.Device)
	fmt.Fprintf(w, "slices   %d of %g s for each path, taken in turns; ratio: median and quartiles of ops/s by %s's in the same round\n",
		r.Slices, r.Slice, reference)
}

const barWidth = 30 // columns, for the fastest path

// print is a job's table.
func (j *jobResult) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s\n", j.Name, j.job)
	for _, n := range j.Notes {
		fmt.Fprintf(w, "  (%s)\n", n)
	}
	fmt.Fprintf(w, "  %-10s  %9s  %5s %-13s  %9s  %9s\n", "path", "ops/s", "ratio", "(quartiles)", "p50", "p99")
	most := 0.0
	for _, p := range j.Paths {
		most = max(most, p.OpsPerSec)
	}
	for _, p := range j.Paths {
		ratio := "    -"
		if q := p.Ratio; q != nil {
			ratio = fmt.Sprintf("%5.2f (%.2f to %.2f)", q.Median, q.Q1, q.Q3)
		}
		bar := strings.Repeat("█", int(math.Round(barWidth*p.OpsPerSec/most)))
		fmt.Fprintf(w, "  %-10s  %9.0f  %-20s  %9s  %9s  %s\n", p.Path, p.OpsPerSec, ratio, microseconds(p.P50), microseconds(p.P99), bar)
	}
}

// microseconds is a time to three digits.
func microseconds(us float64) string {
	switch {
	case us < 10:
		return fmt.Sprintf("%.2f us", us)
	case us < 100:
		return fmt.Sprintf("%.1f us", us)
	case us < 1e4:
		return fmt.Sprintf("%.0f us", us)
	}
	return fmt.Sprintf("%.1f ms", us/1e3)
}
