package integration

import (
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
)

var roles = map[string]func(args []string) error{
	"hangfs": serveHangFS,
	"racer":  race,
}

func TestMain(m *testing.M) { harness.Main(m, roles) }
