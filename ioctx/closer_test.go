package ioctx

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ring/testenv"
)

// However late its closing thread is, a stream of requests by path has few files open.
func TestFilesAreClosedByWhoOpens(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("hello"), 0o666); err != nil {
			t.Fatal(err)
		}
		c := e.setup(1)
		late := make(chan struct{})
		for range threads.LocalThreads { // so the threads that this share may have are taken
			e.cfg.Pool.Go(&threads.Task{Class: engine.ClassLocal, Share: c.aside, Run: func(*threads.Thread) { <-late }})
		}
		for range 100 {
			e.wantResult(self, c, "pread keep=no "+path, "5 -")
			open := 0
			for _, to := range testenv.OpenFiles() {
				if to == path {
					open++
				}
			}
			if open > 2 { // one that is closed before the next is opened, and one that is just being opened
				t.Errorf("%d files are open", open)
				break
			}
		}
		close(late)
		testenv.Eventually(t, "all are closed", func() bool { return !isOpen(path) })
	})
}
