package threads

import (
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m, nil) }
