package ring

import (
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m, map[string]func() int64{"bytes mapped": Mapped}) }

// newRing makes a ring that the test's end closes.
func newRing(t testing.TB, id, nrEvents uint32) *Ring {
	t.Helper()
	r, err := New(id, nrEvents)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
