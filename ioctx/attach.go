package ioctx

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Attachment is something outside that lives as long as a context: an end of a FIFO. Its methods are called without a lock, from any
// goroutine.
type Attachment interface {
	// Notify says that there are events in the ring. It does not block.
	Notify()
	// Close says that the context was killed. It is called once, and a Notify may come at the same time or after it.
	Close()
}

// attachments are a context's.
type attachments struct {
	mu  sync.Mutex
	all atomic.Pointer[[]Attachment] // written under mu; what it points to never changes
}

// Attach has a notified from now on, of events that are there already too. EINVAL after the kill: then a is the caller's to close.
func (c *Kioctx) Attach(a Attachment) error {
	if err := c.get(); err != nil {
		return err
	}
	defer c.Put()
	if !c.attached.add(c, a) {
		return errDead
	}
	if l := c.live.Load(); l != nil && l.ring.Len() > 0 {
		a.Notify()
	}
	return nil
}

// Detach has a no longer notified, nor closed. It may be in a Notify still.
func (c *Kioctx) Detach(a Attachment) { c.attached.remove(a) }

func (s *attachments) remove(a Attachment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.all.Load(); old != nil {
		all := slices.DeleteFunc(slices.Clone(*old), func(b Attachment) bool { return b == a })
		s.all.Store(&all)
	}
}

// add looks at dead under the lock that close takes: either it sees the kill, or close sees a.
func (s *attachments) add(c *Kioctx, a Attachment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.dead.Load() {
		return false
	}
	var all []Attachment
	if old := s.all.Load(); old != nil {
		all = slices.Clone(*old)
	}
	all = append(all, a)
	s.all.Store(&all)
	return true
}

// notify is a wakeup of who waits outside: the event has been published, and no lock is held.
func (s *attachments) notify() {
	if all := s.all.Load(); all != nil {
		for _, a := range *all {
			a.Notify()
		}
	}
}

// close ends them; dead is set.
func (s *attachments) close() {
	s.mu.Lock()
	all := s.all.Swap(nil)
	s.mu.Unlock()
	if all != nil {
		for _, a := range *all {
			a.Close()
		}
	}
}
