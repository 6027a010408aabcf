package ioctx

import "sync"

// eof counts the descriptors of submit and the ends of file owed to those of events: one for each time that the last one on submit was
// closed, to every descriptor of events open then, or else to the next one opened.
//
// Of the last close of a descriptor the kernel tells some time after it, of every close of one of its duplicates before the close
// returns. So after such a close a reader is at rest: it may be closed, and is not if it reads again. An end of file of which all readers
// were told at rest is owed to the next one opened too, until one of them reads.
type eof struct {
	mu      sync.Mutex
	writers int                  // guarded by mu
	readers map[*Reader]struct{} // guarded by mu
	unowned int                  // guarded by mu; owed to the next reader
}

func (e *eof) openWriter() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writers++
}

func (e *eof) closeWriter() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writers--
	if e.writers > 0 {
		return
	}
	open := false
	for r := range e.readers {
		r.owed++
		open = open || !r.atRest
	}
	if !open {
		e.unowned++
	}
}

func (e *eof) openReader(r *Reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.readers == nil {
		e.readers = make(map[*Reader]struct{})
	}
	e.readers[r] = struct{}{}
	r.owed, e.unowned = e.unowned, 0
}

func (e *eof) closeReader(r *Reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.readers, r)
}

// beginRead wakes a reader from its rest: it was open all the while, so what was owed to another in its stead is not.
func (e *eof) beginRead(r *Reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.reading++
	if r.atRest {
		r.atRest, e.unowned = false, 0
	}
}

func (e *eof) endRead(r *Reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.reading--
}

// rest notes that a duplicate of r was closed. Who reads meanwhile has another.
func (e *eof) rest(r *Reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.atRest = r.reading == 0
}

// owes says whether r could be told the end of file now, as far as descriptors go.
func (e *eof) owes(r *Reader) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writers == 0 && r.owed > 0
}

// tell uses up one end of file; false: another read of r was told it first.
func (e *eof) tell(r *Reader) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.owed == 0 {
		return false
	}
	r.owed--
	return true
}
