package ioctx

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A family is a metric family of a text exposition.
type family struct {
	typ, help string
	samples   map[string]float64 // by name and labels as they stand there
}

var (
	familyPattern = regexp.MustCompile(`^# (HELP|TYPE) ([a-z][a-z0-9_]*) (.+)$`)
	samplePattern = regexp.MustCompile(`^([a-z][a-z0-9_]*)(\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\})? ([0-9+.eInf-]+)$`)
)

// parseExposition is stricter than the format: HELP, TYPE and the samples of a family stand together, in this order, each once, a
// HELP is a sentence, and names end as their type and unit want it.
func parseExposition(text string) (map[string]*family, error) {
	families := make(map[string]*family)
	name, wantType := "", false
	for line := range strings.Lines(text) {
		line, whole := strings.CutSuffix(line, "\n")
		m := familyPattern.FindStringSubmatch(line)
		v := samplePattern.FindStringSubmatch(line)
		switch {
		case !whole:
			return nil, fmt.Errorf("no newline behind %q", line)
		case m != nil && m[1] == "HELP" && families[m[2]] == nil && !wantType && strings.HasSuffix(m[3], "."):
			name, wantType = m[2], true
			families[name] = &family{help: m[3], samples: make(map[string]float64)}
		case m != nil && m[1] == "TYPE" && m[2] == name && wantType:
			families[name].typ, wantType = m[3], false
		case v != nil && !wantType && name != "" && families[name].owns(name, v[1]):
			f := families[name]
			value, err := strconv.ParseFloat(v[3], 64)
			if _, twice := f.samples[v[1]+v[2]]; twice || err != nil {
				return nil, fmt.Errorf("%q: twice, or %v", line, err)
			}
			f.samples[v[1]+v[2]] = value
		default:
			return nil, fmt.Errorf("misplaced or malformed: %q", line)
		}
	}
	var bad []error
	for name, f := range families {
		bad = append(bad, f.check(name))
	}
	return families, errors.Join(bad...)
}

// owns says whether a sample belongs to the family.
func (f *family) owns(name, sample string) bool {
	suffix, ok := strings.CutPrefix(sample, name)
	if f.typ == "histogram" {
		return ok && (suffix == "_bucket" || suffix == "_sum" || suffix == "_count")
	}
	return sample == name
}

func (f *family) check(name string) error {
	switch total := strings.HasSuffix(name, "_total"); {
	case f.typ != "counter" && f.typ != "gauge" && f.typ != "histogram", total != (f.typ == "counter"):
		return fmt.Errorf("%s is a %s", name, f.typ)
	case f.typ == "histogram":
		return f.checkHistogram(name)
	}
	for sample, v := range f.samples {
		if v < 0 || v != math.Trunc(v) {
			return fmt.Errorf("%s is %v", sample, v)
		}
	}
	return nil
}

var bucketPattern = regexp.MustCompile(`_bucket\{(op="[a-z]+"),le="([^"]+)"\}$`)

// checkHistogram: buckets rise with le up to +Inf, which is the count.
func (f *family) checkHistogram(name string) error {
	type bucket struct{ le, n float64 }
	series := make(map[string][]bucket)
	for sample, n := range f.samples {
		if m := bucketPattern.FindStringSubmatch(sample); m != nil {
			le, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				return err
			}
			series[m[1]] = append(series[m[1]], bucket{le, n})
		}
	}
	for labels, buckets := range series {
		count, counted := f.samples[name+"_count{"+labels+"}"]
		if _, summed := f.samples[name+"_sum{"+labels+"}"]; !counted || !summed || len(buckets) != latencyBuckets {
			return fmt.Errorf("%s has %d buckets, a sum: %v, a count: %v", labels, len(buckets), summed, counted)
		}
		for _, a := range buckets {
			for _, b := range buckets {
				if a.le < b.le && a.n > b.n || math.IsInf(a.le, 1) && a.n != count {
					return fmt.Errorf("%s: %v below le=%v, %v below le=%v, count %v", labels, a.n, a.le, b.n, b.le, count)
				}
			}
		}
	}
	return nil
}

func metricsOf(t *testing.T, tab *Table) map[string]*family {
	t.Helper()
	text := string(tab.Metrics())
	families, err := parseExposition(text)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return families
}

// value is one sample; its family is its name up to the labels.
func value(families map[string]*family, sample string) float64 {
	name, _, _ := strings.Cut(sample, "{")
	if f := families[name]; f != nil {
		return f.samples[sample]
	}
	return math.NaN()
}

// sum is over all samples of a family; of a histogram, over its counts.
func (f *family) sum() (n float64) {
	for sample, v := range f.samples {
		if f.typ != "histogram" || strings.Contains(sample, "_count{") {
			n += v
		}
	}
	return n
}

// The parser is strict enough to be worth something.
func TestParseExposition(t *testing.T) {
	const good = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"y\"} 1\n"
	if _, err := parseExposition(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		good + good, good + "a_total{x=\"y\"} 1\n", good + "b 1\n", good[:len(good)-1], "a 1\n", "# HELP a_total A.\na_total 1\n",
		"# TYPE a_total counter\na_total 1\n", strings.ReplaceAll(good, "_total", ""), strings.Replace(good, " 1\n", " 1.5\n", 1),
		strings.Replace(good, "A.", "A", 1), strings.Replace(good, "counter", "gauge", 1), strings.Replace(good, "\"y\"", "y", 1), "\n",
	} {
		if _, err := parseExposition(bad); err == nil {
			t.Errorf("taken: %q", bad)
		}
	}
}

func TestMetrics(t *testing.T) {
	e, f := fakeEnv(t, Config{NrEvents: 16, MaxNr: 100, MaxBuf: 5 << 20})
	c, other := e.setup(1), e.setup(2)
	for _, res := range []int64{0, -int64(syscall.EIO), -int64(syscall.ECANCELED)} {
		e.submit(c, "noop\n")
		f.finish(1, res)
	}
	e.submit(other, "noop\n")
	s := e.submitter(c, false)
	defer s.Close()
	if _, err := s.Write([]byte("nop\n"), self, nil); err == nil {
		t.Error("nop is taken")
	}
	m := metricsOf(t, e.Table)
	for sample, want := range map[string]float64{
		`aiofs_info{engine="fake"}`: 1, "aiofs_contexts_made_total": 2, `aiofs_contexts{state="alive"}`: 2, `aiofs_contexts{state="dying"}`: 0,
		"aiofs_nr_events": 32, "aiofs_max_nr_events": 100, "aiofs_max_buffer_bytes": 5 << 20, "aiofs_requests_submitted_total": 4,
		"aiofs_requests_in_flight": 1, "aiofs_events_in_ring": 3, `aiofs_requests_failed_total{errno="EIO"}`: 1,
		"aiofs_requests_cancelled_total": 1, "aiofs_requests_refused_total": 1, "aiofs_slot_waits_total": 0,
		`aiofs_transferred_bytes_total{op="read"}`: 0,
	} {
		if got := value(m, sample); got != want {
			t.Errorf("%s is %v, want %v", sample, got, want)
		}
	}
	if got := m["aiofs_request_duration_seconds"].samples[`aiofs_request_duration_seconds_count{op="noop"}`]; got != 3 {
		t.Errorf("%v completed, want 3", got)
	}
	f.obey(false)
	if err := e.Destroy(2); err != nil {
		t.Fatal(err)
	}
	if m := metricsOf(t, e.Table); value(m, `aiofs_contexts{state="dying"}`) != 1 || value(m, "aiofs_requests_in_flight") != 1 {
		t.Errorf("of a killed context with a request in flight: %v", m["aiofs_contexts"].samples)
	}
	f.obey(true)
}

// One goroutine more is one more, whoever has it.
func TestMetricsOfGoroutines(t *testing.T) {
	e := threadsEnv(t, Config{})
	before := value(metricsOf(t, e.Table), "aiofs_goroutines")
	done := make(chan struct{})
	defer close(done)
	for range 100 {
		go func() { <-done }()
	}
	if after := value(metricsOf(t, e.Table), "aiofs_goroutines"); after < before+50 {
		t.Errorf("%v goroutines, and then %v with a hundred more", before, after)
	}
}

// Bytes are counted by what they were moved by, in contexts that are gone too.
func TestMetricsOfBytes(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	path := filepath.Join(t.TempDir(), "file")
	e.submit(c, "pwrite str=hello open=creat,wronly "+path+"\n")
	e.cat(c)
	e.submit(c, "pread len=3 "+path+"\n")
	e.cat(c)
	if b, err := os.ReadFile(path); string(b) != "hello" {
		t.Fatal(err)
	}
	if err := e.Destroy(1); err != nil {
		t.Fatal(err)
	}
	<-c.gone
	m := metricsOf(t, e.Table)
	if r, w := value(m, `aiofs_transferred_bytes_total{op="read"}`), value(m, `aiofs_transferred_bytes_total{op="write"}`); r != 3 || w != 5 {
		t.Errorf("%v bytes read and %v written, want 3 and 5", r, w)
	}
}

// While contexts are made, used and freed, counters only grow, and all that was submitted has completed or is in flight.
func TestMetricsNeverFall(t *testing.T) {
	const workers, rounds, each = 2, 60, 10
	e := threadsEnv(t, Config{NrEvents: 16})
	var busy sync.WaitGroup
	for range workers {
		busy.Go(func() {
			for range rounds {
				c, err := e.SetupNew(Owner{})
				if err != nil {
					t.Error(err)
					return
				}
				s, err := c.OpenSubmit(false)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Write([]byte(strings.Repeat("noop\n", each)), self, nil); err != nil {
					t.Error(err)
				}
				s.Close()
				e.Exit(c)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		busy.Wait()
		close(done)
	}()
	last := make(map[string]float64)
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		m := metricsOf(t, e.Table)
		submitted, completed := value(m, "aiofs_requests_submitted_total"), m["aiofs_request_duration_seconds"].sum()
		if submitted != completed+value(m, "aiofs_requests_in_flight") {
			t.Fatalf("%v submitted, %v completed, %v in flight", submitted, completed, value(m, "aiofs_requests_in_flight"))
		}
		for name, f := range m {
			if f.typ != "gauge" && f.sum() < last[name] {
				t.Fatalf("%s fell from %v to %v", name, last[name], f.sum())
			}
			last[name] = f.sum()
		}
	}
	if want := float64(workers * rounds * each); last["aiofs_requests_submitted_total"] != want {
		t.Errorf("%v submitted, want %v", last["aiofs_requests_submitted_total"], want)
	}
}
