package ioctx

import "sync"

// eof counts the descriptors of submit and the ends of file owed to those of events: one for each time that the last one on submit was
// closed, to every descriptor of events open then, or else to the next one opened.
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
	for r := range e.readers {
		r.owed++
	}
	if len(e.readers) == 0 {
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
