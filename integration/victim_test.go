package integration

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// The slots of a victim's files.
const (
	faultySlot = iota
	directSlot // the same file, with O_DIRECT
	writeSlot  // what is written there hangs
	fsyncSlot  // fsync gives EIO
)

const (
	victimDepth = 64        // requests in flight
	victimPiece = 16384     // the longest request, in bytes
	victimShare = 768 << 10 // bytes of the file that it writes, each once
)

// A victim is a lane whose file system is at fault.
type victim struct {
	*client.Ledger
	context string
	rng     *rand.Rand
	tag     uint64
	places  []int // of buf: free ones
	begin   int64 // of its share of the file
	end     int64 // of what it has written there
	written map[int64]int64
	met     map[fault]int
}

// victim makes number i, in a context of its own.
func (d *daemon) victim(h *hangFS, lane string, i int, rng *rand.Rand) *victim {
	d.t.Helper()
	c := d.mkdir(strconv.Itoa(4000000000 + i))
	d.put(fmt.Sprintf("open 0 open=rdwr %[1]s\nopen 1 open=rdwr,direct %[1]s\nopen 2 open=wronly %[2]s\nopen 3 open=wronly %[3]s\n",
		h.path("faulty"), h.path("write"), h.path("fsync")), c, "files")
	var files []*os.File
	for _, f := range []struct {
		name  string
		flags int
	}{{"faulty", os.O_RDWR}, {"faulty", os.O_RDWR | syscall.O_DIRECT}, {"write", os.O_WRONLY}, {"fsync", os.O_WRONLY}} {
		file, err := os.OpenFile(h.path(f.name), f.flags, 0)
		d.check(err)
		d.t.Cleanup(func() { file.Close() })
		files = append(files, file)
	}
	begin := int64(faultyHalf + i*victimShare)
	v := &victim{
		Ledger: client.NewLedger(d.lane(lane, c, files...)), context: c, rng: rng, begin: begin, end: begin,
		written: make(map[int64]int64), met: make(map[fault]int),
	}
	for i := range victimDepth {
		v.places = append(v.places, i*victimPiece)
	}
	return v
}

// suffers makes n requests, of which some hang for ever, until all the others have come.
func (v *victim) suffers(n, hang int) error {
	for range n {
		o := v.choose(hang > 0)
		if hangs(o) {
			hang--
		}
		if err := v.begins(o); err != nil {
			return err
		}
		if err := v.Settle(max(v.hanging(), victimDepth-1), v.look); err != nil {
			return err
		}
	}
	return v.Settle(v.hanging(), v.look)
}

// choose makes a request up.
func (v *victim) choose(mayHang bool) client.Op {
	for {
		o := client.Op{Tag: v.tag, N: 1 + v.rng.IntN(victimPiece), Slot: uint32(v.rng.IntN(2)), Off: v.rng.Int64N(faultyHalf - victimPiece)}
		switch n := v.rng.IntN(10); {
		case n == 0:
			o.Cmd, o.Slot = iocb.CmdFsync, fsyncSlot
		case n == 1:
			o.Cmd = iocb.CmdNoop
		case n == 2:
			o.Cmd, o.Slot = iocb.CmdPwrite, writeSlot
		case n <= 5 && v.end < v.begin+victimShare:
			o.Cmd, o.Off = iocb.CmdPwrite, v.end
		}
		if o.Slot == directSlot {
			o.Off, o.N = o.Off&^511, max(o.N&^511, 512)
		}
		if mayHang || !hangs(o) {
			return o
		}
	}
}

// begins submits o.
func (v *victim) begins(o client.Op) error {
	_, _, met := outcome(o)
	for _, f := range met {
		v.met[f]++
	}
	v.tag++
	o.At, v.places = v.places[0], v.places[1:]
	if o.Cmd == iocb.CmdPwrite {
		if err := v.Fill(o, client.Pattern(o.Off, o.N)); err != nil {
			return err
		}
		if o.Slot != writeSlot {
			v.end += victimPiece
		}
	}
	return v.Submit(o)
}

// outcome is what must become of o.
func outcome(o client.Op) (count int, errno syscall.Errno, met []fault) {
	switch {
	case o.Slot == writeSlot:
		return o.N, 0, []fault{faultHang}
	case o.Cmd == iocb.CmdFsync:
		return 0, syscall.EIO, []fault{faultEIO}
	case o.Cmd == iocb.CmdNoop:
		return 0, 0, nil
	}
	return faultyAnswer(o.Cmd == iocb.CmdPwrite, o.Off, o.N)
}

func hangs(o client.Op) bool {
	_, _, met := outcome(o)
	return slices.Contains(met, faultHang)
}

// hanging is how many of those in flight hang.
func (v *victim) hanging() (n int) {
	for _, o := range v.Flying {
		if hangs(o) {
			n++
		}
	}
	return n
}

// look compares an event, and the bytes that came with it, with what the file system did.
func (v *victim) look(o client.Op, res int64) error {
	count, errno, _ := outcome(o)
	want := int64(count)
	if errno != 0 {
		want = -int64(errno)
	}
	if res != want {
		return fmt.Errorf("want %d", want)
	}
	v.places = append(v.places, o.At)
	switch {
	case o.Cmd == iocb.CmdPwrite && o.Slot != writeSlot:
		v.written[o.Off] = max(res, 0)
	case o.Cmd == iocb.CmdPread && errno == 0:
		return v.Brought(o, client.Pattern(o.Off, count))
	}
	return nil
}

// stored looks at what the file system has of what was written: what events said, and no more.
func (v *victim) stored(h *hangFS) error {
	f, err := os.Open(h.path("faulty"))
	if err != nil {
		return err
	}
	defer f.Close()
	got, want := make([]byte, victimShare), make([]byte, victimShare)
	if _, err := f.ReadAt(got, v.begin); err != nil {
		return err
	}
	for off, n := range v.written {
		copy(want[off-v.begin:], client.Pattern(off, int(n)))
	}
	if !bytes.Equal(got, want) {
		return errors.New("the file system has not what was written")
	}
	return nil
}

// together has all victims do something at the same time.
func together(t *testing.T, victims []*victim, do func(*victim) error) {
	t.Helper()
	errs := make([]error, len(victims))
	var all sync.WaitGroup
	for i, v := range victims {
		all.Go(func() {
			if err := do(v); err != nil {
				errs[i] = fmt.Errorf("%s: %w", v.context, err)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
