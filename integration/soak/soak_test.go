package soak

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

// soakTime is how long each engine is soaked.
func soakTime() time.Duration {
	d, err := time.ParseDuration(os.Getenv("AIOFS_SOAK"))
	if err != nil {
		d = 4 * time.Second
	}
	return d / time.Duration(len(engines))
}

var engines = []string{"threads", "uring"}

func TestSoak(t *testing.T) {
	log, lacking := openKernelLog()
	if lacking == nil {
		defer log.Close()
	}
	seed := testenv.Seed(t)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { soak(t, engine, rand.New(rand.NewPCG(seed, 0))) })
	}
	t.Run("kernel", func(t *testing.T) {
		if lacking != nil {
			testenv.Lacks(t, "the kernel's log cannot be read: %v", lacking)
		}
		for _, line := range log.complaints(t) {
			t.Errorf("the kernel said: %s", line)
		}
	})
}

// soak lets clients work for a fifth of the time, after which the daemon has all that it keeps, and then for the rest.
func soak(t *testing.T, engine string, rng *rand.Rand) {
	d := start(t, engine)
	f := newFleet(d, rng)
	f.run(soakTime() / 5)
	before := d.rest()
	f.run(soakTime() - soakTime()/5)
	d.wantFlat(before)
	t.Logf("soaked: %s", d.soaked())
	t.Logf("of which clients that were not killed say: %s", f.counts)
	for _, lane := range f.lanes {
		if f.counts["requests "+lane] == 0 {
			t.Errorf("none through %s", lane)
		}
	}
	d.end()
}

// counts are what there was of everything.
type counts map[string]int64

func (c counts) add(more counts) {
	for what, n := range more {
		c[what] += n
	}
}

func (c counts) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(c)) {
		all = append(all, fmt.Sprintf("%d %s", c[what], what))
	}
	return strings.Join(all, ", ")
}
