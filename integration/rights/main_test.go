package rights

import (
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
)

// The users.
const (
	root   = 0
	nobody = 65534
	other  = 1234
)

func TestMain(m *testing.M) {
	harness.Main(m, map[string]func(args []string) error{
		"descriptors": descriptors,
		"mixed":       mixed,
		"deputy":      deputy,
		"chrooted":    chrooted,
		"swapper":     swapper,
	})
}
