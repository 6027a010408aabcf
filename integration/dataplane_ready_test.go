package integration

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/aiofs/aiofs/ring/testenv"
)

// A Go program reads ready like any FIFO: in its poller, with deadlines, until the end of file that is the kill.
func TestReadyInGo(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *daemon) {
		c := d.mkdir("4000000000")
		ready, err := os.Open(d.path(c, "ready"))
		d.check(err)
		defer ready.Close()
		wait := func(limit time.Duration) error {
			d.check(ready.SetReadDeadline(time.Now().Add(limit)))
			_, err := ready.Read(make([]byte, 64))
			return err
		}
		if err := wait(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ready without an event: %v", err)
		}
		for range 3 {
			d.put("noop tag=1\n", c, "submit")
			d.check(wait(testenv.Patience))
			if d.get(c, "events") == "" {
				t.Error("ready, and no event")
			}
			if err := wait(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("ready after its byte was read: %v", err)
			}
		}
		d.check(os.Remove(d.path(c)))
		if err := wait(testenv.Patience); !errors.Is(err, io.EOF) {
			t.Errorf("ready after the kill: %v", err)
		}
	})
}
