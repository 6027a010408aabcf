package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// A bystander is an honest client beside what a test does to others. It reads a file over and over, with many requests in flight, and must
// get every event once, with its bytes, and no error.
type bystander struct {
	*client.Ledger
	context string
	stop    context.CancelFunc
	ended   chan error
	reads   int
}

const (
	bystanderFile  = 1 << 20
	bystanderPiece = 4096
	bystanderDepth = 32
)

// bystanders starts one for each of the binary ways to submit. The daemon opens and maps nothing for them from then on.
func (d *daemon) bystanders() (all []*bystander) {
	d.t.Helper()
	file := filepath.Join(d.work, "bystander")
	d.check(os.WriteFile(file, client.Pattern(0, bystanderFile), 0o600))
	for i, lane := range []string{"raw", "shared"} {
		c := d.mkdir(fmt.Sprint(4100000000 + i))
		d.put("open 0 open=rdonly "+file+"\n", c, "files")
		b := &bystander{Ledger: client.NewLedger(d.lane(lane, c)), context: c, ended: make(chan error, 1)}
		d.check(b.round())
		ctx, stop := context.WithCancel(d.t.Context()) // which ends before its lane is closed
		b.stop = stop
		go func() {
			b.ended <- b.run(ctx)
			close(b.ended)
		}()
		d.t.Cleanup(func() { <-b.ended })
		all = append(all, b)
	}
	return all
}

// run begins a round each millisecond: it is not to take a processor for itself.
func (b *bystander) run(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := b.round(); err != nil {
			return err
		}
		<-tick.C
	}
	return nil
}

func (b *bystander) round() error {
	var ops []client.Op
	for i := range bystanderDepth {
		ops = append(ops, client.Op{
			Tag: uint64(b.reads + i), Cmd: iocb.CmdPread, Off: rand.Int64N(bystanderFile - bystanderPiece),
			N: bystanderPiece, At: i * bystanderPiece,
		})
	}
	b.reads += len(ops)
	if err := b.Submit(ops...); err != nil {
		return err
	}
	return b.Settle(0, func(o client.Op, res int64) error {
		if res != bystanderPiece {
			return errors.New("not all of it")
		}
		return b.Brought(o, client.Pattern(o.Off, bystanderPiece))
	})
}

// unharmed ends bystanders, to whom nothing must have happened, and removes their contexts.
func (d *daemon) unharmed(all []*bystander) {
	d.t.Helper()
	reads := 0
	for _, b := range all {
		b.stop()
	}
	for _, b := range all {
		if err := <-b.ended; err != nil {
			d.t.Errorf("bystander in %s: %v", b.context, err)
		}
		b.Close()
		d.check(os.Remove(d.path(b.context)))
		reads += b.reads
	}
	d.t.Logf("%d reads beside it", reads)
}
