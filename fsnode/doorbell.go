package fsnode

import (
	"os"

	"github.com/aiofs/aiofs/ioctx"
)

// bellEnd is the daemon's end of `doorbell`: a FIFO in which a byte has the daemon look at sq.
type bellEnd struct{ *end }

var _ ioctx.Attachment = bellEnd{}

// Notify is of no use to a doorbell.
func (bellEnd) Notify() {}

// makeDoorbell has the daemon's end of `doorbell` open before its LOOKUP is answered.
func (t *tree) makeDoorbell(c *ioctx.Kioctx) error {
	f := t.fifos
	return f.ensure(c, kindDoorbell, func(e *end) error {
		if err := c.Attach(bellEnd{e}); err != nil {
			return err
		}
		f.ended.Add(1)
		go func() {
			defer f.ended.Done()
			listen(e.file, c)
		}()
		return nil
	})
}

// listen waits in Go's poller until the end is closed. What has come together is one look.
func listen(bell *os.File, c *ioctx.Kioctx) {
	bytes := make([]byte, 512)
	for {
		if _, err := bell.Read(bytes); err != nil {
			return
		}
		c.Doorbell()
	}
}
