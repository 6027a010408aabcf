package fsnode

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
)

// How often the kernel is asked to forget what was still in use the last time.
const (
	forgetLeast = 10 * time.Millisecond
	forgetMost  = time.Second
)

// forgetter has the kernel forget contexts that were killed. By itself it keeps their entries, which nobody will look up again, until memory
// is short, and so long the daemon has to keep their nodes.
//
// FUSE_NOTIFY_PRUNE, of Linux 6.18, waits for no lock, unlike other notifications. It leaves out what is in use, and nothing tells
// when that ends: a goroutine that exists while there is something to forget asks again and again. Before Linux 6.18 it cannot ask. A
// directory below which a name was looked up in vain counts as in use until memory is short. FUSE_NOTIFY_DELETE would end that; but it
// waits for the lock on ctx/, whose holder may wait for an answer of this daemon: killed just then, it would never end.
type forgetter struct {
	mu      sync.Mutex
	gone    []*contextDir // guarded by mu
	running bool          // guarded by mu
	over    bool          // guarded by mu; nothing more is taken
	stop    chan struct{} // closed by end
	ended   sync.WaitGroup
}

// forget is told of a context that was killed. dir is ctx/.
func (t *tree) forget(dir *fs.Inode, c *ioctx.Kioctx) {
	child := dir.GetChild(strconv.FormatUint(uint64(c.ID()), 10))
	if child == nil {
		return // nobody has looked it up
	}
	if d := child.Operations().(*contextDir); d.kioctx == c {
		t.forgetter.add(d)
	}
}

func (f *forgetter) add(d *contextDir) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return
	}
	f.gone = append(f.gone, d)
	if !f.running {
		f.running = true
		f.ended.Add(1)
		go f.run()
	}
}

func (f *forgetter) run() {
	defer f.ended.Done()
	wait, before := forgetLeast, 0
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-f.stop:
			return
		}
		left := f.ask()
		switch {
		case left == 0:
			return
		case left == before:
			wait = min(2*wait, forgetMost)
		default: // others came, or went
			wait = forgetLeast
		}
		before = left
		t.Reset(wait)
	}
}

// ask asks for all that the kernel has not forgotten yet, and returns how many that are; 0: the goroutine ends.
func (f *forgetter) ask() (left int) {
	f.mu.Lock()
	f.gone = slices.DeleteFunc(f.gone, func(d *contextDir) bool { return d.forgotten.Load() })
	f.running = len(f.gone) > 0
	gone := slices.Clone(f.gone)
	f.mu.Unlock()
	for _, d := range gone {
		// What is in a directory goes first: with that the directory is in use.
		if d.NotifyPrune(append(below(&d.Inode), &d.Inode)) != 0 {
			f.drop()
			return 0
		}
	}
	return len(gone)
}

// drop gives up for good.
func (f *forgetter) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over, f.gone, f.running = true, nil, false
}

// below is all that is in a directory, the innermost first.
func below(dir *fs.Inode) (all []*fs.Inode) {
	for _, child := range dir.Children() {
		all = append(append(all, below(child)...), child)
	}
	return all
}

// end ends the goroutine. The mount is gone, and the kernel has forgotten everything.
func (f *forgetter) end() {
	f.drop()
	close(f.stop)
	f.ended.Wait()
}
