// Package enginetest is the suite that every engine passes: real files, pipes, sockets and a file system that hangs,
// each request counted to complete exactly once, and nothing left behind.
package enginetest

import (
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// Run runs the suite. start makes an engine, which the suite closes; what start itself needs closed it gives to t.Cleanup. It
// may skip. Tests that mount are skipped without root, except where the environment has CI=true, where they fail.
func Run(t *testing.T, start func(t *testing.T) engine.Engine) {
	for _, group := range [][]test{rwTests, errorTests, pollTests, streamTests, cancelTests, batchTests, hangTests, rightsTests} {
		for _, tt := range group {
			t.Run(tt.name, func(t *testing.T) { tt.run(newFixture(t, start)) })
		}
	}
}

type test struct {
	name string
	run  func(f *fixture)
}
