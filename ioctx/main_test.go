package ioctx

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// raceTime is how long TestKillRace runs on each engine.
var raceTime = flag.Duration("ioctx.race", raceTimeDefault(), "how long TestKillRace runs on each engine")

// raceTimeDefault is AIOFS_RACE, or short enough for every run.
func raceTimeDefault() time.Duration {
	d, err := time.ParseDuration(os.Getenv("AIOFS_RACE"))
	if err != nil {
		return 2 * time.Second
	}
	return d
}

func TestMain(m *testing.M) {
	if os.Getenv(writerEnv) != "" {
		os.Exit(writerMain())
	}
	testenv.Main(m, map[string]func() int64{"bytes mapped": ring.Mapped})
}
