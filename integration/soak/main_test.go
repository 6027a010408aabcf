package soak

import (
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, map[string]func(args []string) error{"soaker": soakerMain})
}
