package fsnode

import "sync"

// handles are the open handles that hold more than memory of Go. When the mount ends the kernel drops the RELEASEs that it has not
// sent yet; what was not released by then is given back all the same.
type handles struct {
	mu   sync.Mutex
	open map[closer]struct{} // guarded by mu
}

type closer interface{ close() }

func (h *handles) add(c closer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open == nil {
		h.open = make(map[closer]struct{})
	}
	h.open[c] = struct{}{}
}

// release closes c, once.
func (h *handles) release(c closer) {
	h.mu.Lock()
	_, open := h.open[c]
	delete(h.open, c)
	h.mu.Unlock()
	if open {
		c.close()
	}
}

// end closes all. No request is served any more.
func (h *handles) end() {
	h.mu.Lock()
	all := h.open
	h.open = nil
	h.mu.Unlock()
	for c := range all {
		c.close()
	}
}
