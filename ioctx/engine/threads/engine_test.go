package threads_test

import (
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/enginetest"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

func TestEngine(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) engine.Engine {
		p := threads.NewPool()
		t.Cleanup(func() {
			if stuck := p.Close(); stuck != 0 {
				t.Errorf("%d threads are stuck", stuck)
			}
		})
		return threads.New(p)
	})
}
