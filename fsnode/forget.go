package fsnode

import (
	"slices"
	"strconv"
	"sync"
	"syscall"
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
// FUSE_NOTIFY_DELETE says that ctx/N is gone, which takes with it what is known of its names, those that are not there included; of one
// that rmdir has removed the kernel has seen to that. FUSE_NOTIFY_PRUNE, of Linux 6.18, is for what was open then and is not any more.
// Both leave out what is in use, and nothing tells when that ends: a goroutine that exists while there is something to forget asks again
// and again. It may wait for the kernel's lock on ctx/, whose holders wait for others, never for it.
type forgetter struct {
	mu      sync.Mutex
	gone    []*goneDir    // guarded by mu
	running bool          // guarded by mu
	noPrune bool          // guarded by mu; the kernel is older
	over    bool          // guarded by mu; nothing more is taken
	stop    chan struct{} // closed by end
	ended   sync.WaitGroup
}

// goneDir is a context that was killed.
type goneDir struct {
	*contextDir
	from *fs.Inode // where the kernel still has its name; nil: nowhere
}

// forget is told of a context that was killed. dir is ctx/; removed says that rmdir has taken it from there.
func (t *tree) forget(dir *fs.Inode, c *ioctx.Kioctx, removed bool) {
	child := dir.GetChild(nameOf(c))
	if child == nil {
		return // nobody has looked it up
	}
	if d := child.Operations().(*contextDir); d.kioctx == c {
		g := &goneDir{contextDir: d, from: dir}
		if removed {
			g.from = nil
		}
		t.forgetter.add(g)
	}
}

func nameOf(c *ioctx.Kioctx) string { return strconv.FormatUint(uint64(c.ID()), 10) }

func (f *forgetter) add(d *goneDir) {
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
	f.gone = slices.DeleteFunc(f.gone, func(d *goneDir) bool { return d.forgotten.Load() || f.noPrune && d.from == nil })
	f.running = len(f.gone) > 0
	gone, prune := slices.Clone(f.gone), !f.noPrune
	f.mu.Unlock()
	for _, d := range gone {
		// What is in a directory goes first: with that the directory is in use.
		if prune && d.NotifyPrune(append(below(&d.Inode), &d.Inode)) != 0 {
			prune = false
		}
		if d.from != nil && d.vanish() {
			d.from = nil
		}
	}
	f.mu.Lock()
	f.noPrune = !prune
	f.mu.Unlock()
	return len(gone)
}

// vanish has the kernel take the name of a directory away; false: something below is in use.
func (d *goneDir) vanish() bool {
	errno := d.from.NotifyDelete(nameOf(d.kioctx), &d.Inode)
	return errno != syscall.ENOTEMPTY && errno != syscall.EBUSY
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
