package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring/testenv"
)

const (
	fullSize  = 8 << 20
	fullPiece = 64 << 10
	fullSlots = (1 << 20) / fullPiece // of buf
)

// fullFS mounts a file system of fullSize bytes or less until the test ends.
func fullFS(t *testing.T, typ string) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		testenv.Lacks(t, "only root may mount")
	}
	dir = t.TempDir()
	mount := []string{"mount", "-t", "tmpfs", "-o", fmt.Sprint("size=", fullSize-12<<10), "tmpfs", dir}
	if typ == "ext4" {
		image := filepath.Join(t.TempDir(), "image")
		command(t, "truncate", "-s", fmt.Sprint(fullSize), image)
		command(t, "mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image)
		mount = []string{"mount", "-o", "loop", image, dir}
	}
	command(t, mount...)
	t.Cleanup(func() { // no file there may be open any more, but a close can be on its way
		testenv.Eventually(t, "unmounting", func() bool { return syscall.Unmount(dir, 0) == nil })
	})
	return dir
}

// command is one that the test cannot do without.
func command(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		testenv.Lacks(t, "%q: %v: %s", args, err, out)
	}
}

// Writes into a file system that becomes full say how far they got, each in its event: all of it, a part, or ENOSPC. That is what there is
// in the files then, nothing else is disturbed, and when there is room again they go on.
func TestFullFileSystem(t *testing.T) {
	for _, typ := range []string{"tmpfs", "ext4"} {
		t.Run(typ, func(t *testing.T) {
			for _, engine := range engines {
				t.Run(engine, func(t *testing.T) {
					dir := fullFS(t, typ)
					d := mount(t, "engine="+engine)
					around := d.bystanders()
					var all []*filler
					for _, lane := range []string{"text", "raw", "shared"} {
						all = append(all, d.filler(dir, lane, len(all)))
					}
					errs := make(chan error)
					for _, f := range all {
						go func() { errs <- f.fillUp() }()
					}
					for range all {
						if err := <-errs; err != nil {
							t.Error(err)
						}
					}
					for _, f := range all {
						t.Logf("%s: %d whole, %d short, %d ENOSPC, %d bytes", filepath.Base(f.file), f.whole, f.short, f.refused, f.bytes)
					}
					d.check(os.Truncate(all[0].file, 0))
					d.check(all[1].goesOn())
					for _, f := range all {
						f.Close()
						d.check(os.Remove(d.path(f.context)))
					}
					d.unharmed(around)
				})
			}
		})
	}
}

// A filler is a lane that writes until a file system is full.
type filler struct {
	*client.Ledger
	context, file         string
	whole, short, refused int
	bytes                 int64
	places                []int // of buf: free ones
	got                   map[int64]int64
}

func (d *daemon) filler(dir, lane string, i int) *filler {
	d.t.Helper()
	c := d.mkdir(fmt.Sprint(4000000000 + i))
	file := filepath.Join(dir, lane)
	d.put("open 0 open=rdwr,creat "+file+"\nopen 1 open=rdwr,direct "+file+"\n", c, "files")
	f := &filler{Ledger: client.NewLedger(d.lane(lane, c)), context: c, file: file, got: make(map[int64]int64)}
	for i := range fullSlots {
		f.places = append(f.places, i*fullPiece)
	}
	d.check(f.write(0, 0)) // before the others take all the room there is
	d.check(f.Settle(0, f.look))
	return f
}

// fillUp writes as much as there is room for by itself, so that with others it is too much.
func (f *filler) fillUp() error {
	for off := int64(fullPiece); off < fullSize; off += fullPiece {
		if err := f.write(uint64(off), off); err != nil {
			return err
		}
	}
	if err := f.Settle(0, f.look); err != nil {
		return err
	}
	if f.refused == 0 {
		return fmt.Errorf("%s: all writes went", f.context)
	}
	return f.holds()
}

// write writes one piece, every other one with O_DIRECT, as soon as there is a place in buf.
func (f *filler) write(tag uint64, off int64) error {
	if err := f.Settle(fullSlots-1, f.look); err != nil {
		return err
	}
	o := client.Op{Tag: tag, Cmd: iocb.CmdPwrite, Slot: uint32(off / fullPiece % 2), Off: off, N: fullPiece, At: f.places[0]}
	f.places = f.places[1:]
	if err := f.Fill(o, client.Pattern(off, fullPiece)); err != nil {
		return err
	}
	return f.Submit(o)
}

func (f *filler) look(o client.Op, res int64) error {
	f.places = append(f.places, o.At)
	switch {
	case res == -int64(syscall.ENOSPC):
		f.refused++
		return nil
	case res <= 0:
		return errors.New("want bytes or ENOSPC")
	case res < fullPiece:
		f.short++
	default:
		f.whole++
	}
	f.got[o.Off] = res
	f.bytes += res
	return nil
}

// holds compares the file with what events said of it.
func (f *filler) holds() error {
	b, err := os.ReadFile(f.file)
	if err != nil {
		return err
	}
	end := int64(0)
	for off, n := range f.got {
		if off+n > int64(len(b)) || !bytes.Equal(b[off:off+n], client.Pattern(off, int(n))) {
			return fmt.Errorf("%s has not what was written at %d", f.file, off)
		}
		end = max(end, off+n)
	}
	if int64(len(b)) != end {
		return fmt.Errorf("%s has %d bytes, want %d", f.file, len(b), end)
	}
	return nil
}

// goesOn writes again what did not go, for which room was made.
func (f *filler) goesOn() error {
	before := f.whole
	for off := int64(0); off < fullSize; off += fullPiece {
		if f.got[off] < fullPiece {
			if err := f.write(uint64(off), off); err != nil {
				return err
			}
		}
	}
	if err := f.Settle(0, f.look); err != nil {
		return err
	}
	if f.whole == before {
		return errors.New("nothing goes where there is room again")
	}
	return f.holds()
}
