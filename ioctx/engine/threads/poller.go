package threads

import (
	"sync"

	"golang.org/x/sys/unix"
)

// poller waits for pipes, sockets and polls, all of an Engine's in one epoll and one goroutine, both made when first needed.
// Files whose ->poll may block stay out of it.
type poller struct {
	mu      sync.Mutex
	watches map[int32]*watch // by descriptor; nil: not yet made. Guarded by mu, as all that follows
	epoll   int
	bell    int // eventfd that ends the goroutine
	gen     int32
	spare   sync.Pool // of *watch
	ended   chan struct{}
}

// wait makes o wait until events come or it is canceled. errno 0: whoever takes it out of the poller goes on with it; the
// caller does not. EPERM: the file cannot be polled; ECANCELED: o is canceled. Then, and with any other errno, o is still
// the caller's.
func (p *poller) wait(o *op, events uint32) unix.Errno {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.canceled.Load() {
		return unix.ECANCELED
	}
	if err := p.open(); err != nil {
		return errnoOf(err)
	}
	w := p.watches[o.r.FD]
	if w == nil {
		w, _ = p.spare.Get().(*watch)
		if w == nil {
			w = &watch{}
		}
		w.fd = o.r.FD
		p.watches[w.fd] = w
	}
	w.enter(o, events)
	if o.list != &w.polls && o.list.First() != o {
		return 0 // not the first: armed already, or somebody tries
	}
	if err := p.arm(w); err != nil {
		o.unlist()
		o.watch = nil
		p.tidy(w)
		return errnoOf(err)
	}
	return 0
}

// arm asks for what is wanted of w, once, looking at the file as it is now.
func (p *poller) arm(w *watch) error {
	want := w.wanted()
	if want == 0 {
		return nil
	}
	p.gen++
	w.gen = p.gen
	how := unix.EPOLL_CTL_MOD
	if !w.added {
		how = unix.EPOLL_CTL_ADD
	}
	err := unix.EpollCtl(p.epoll, how, int(w.fd), &unix.EpollEvent{Events: want | unix.EPOLLONESHOT, Fd: w.fd, Pad: w.gen})
	w.added = w.added || err == nil
	return err
}

// tidy forgets w if it is unused. The descriptor is open: it is called before the last owner is told.
func (p *poller) tidy(w *watch) {
	if !w.unused() {
		return
	}
	if w.added {
		unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, int(w.fd), nil)
	}
	delete(p.watches, w.fd)
	*w = watch{}
	p.spare.Put(w)
}

// leave ends the turn of o, which is the caller's, and lets the next one wait for the file.
func (p *poller) leave(o *op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := o.watch
	if w == nil {
		return
	}
	o.watch = nil
	for d := range w.turn {
		if w.turn[d].trying == o {
			w.turn[d].trying = nil
		}
	}
	p.arm(w) // EPOLL_CTL_MOD of an open descriptor does not fail
	p.tidy(w)
}

// remove takes out an op that waits. False: it does not; one in a blocking poll(2) is told to return.
func (p *poller) remove(o *op) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.bell >= 0 {
		ring(o.bell)
	}
	if o.list == nil {
		return false
	}
	o.unlist()
	w := o.watch
	o.watch = nil
	p.tidy(w)
	return true
}

// hang notes that o will be in poll(2) with bell. False: it is canceled.
func (p *poller) hang(o *op, bell int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.canceled.Load() {
		return false
	}
	o.bell = bell
	return true
}

func (p *poller) unhang(o *op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.bell = noBell
}

// open makes the epoll and its goroutine, if there are none.
func (p *poller) open() error {
	if p.watches != nil {
		return nil
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1})
		if err != nil {
			unix.Close(bell)
		}
	}
	if err != nil {
		unix.Close(epoll)
		return err
	}
	p.epoll, p.bell = epoll, bell
	p.watches, p.ended = make(map[int32]*watch), make(chan struct{})
	go p.loop(epoll)
	return nil
}

// close ends the goroutine and waits for it. Nobody waits in the poller any more.
func (p *poller) close() {
	p.mu.Lock()
	opened := p.watches != nil
	p.mu.Unlock()
	if !opened {
		return
	}
	ring(p.bell)
	<-p.ended
	unix.Close(p.bell)
	unix.Close(p.epoll)
}

// loop is the goroutine.
func (p *poller) loop(epoll int) {
	defer close(p.ended)
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(epoll, events, -1)
		if err != nil && err != unix.EINTR {
			panic("threads: epoll_wait: " + err.Error()) // only of a wrong descriptor
		}
		for i := range max(n, 0) {
			if events[i].Fd < 0 {
				return
			}
			p.came(&events[i])
		}
	}
}

// came passes on one event, and arms the descriptor again for those that still wait.
func (p *poller) came(ev *unix.EpollEvent) {
	p.mu.Lock()
	w := p.watches[ev.Fd]
	if w == nil || w.gen != ev.Pad {
		p.mu.Unlock()
		return
	}
	over, first := w.due(ev.Events)
	p.arm(w) // EPOLL_CTL_MOD of an open descriptor does not fail
	p.tidy(w)
	p.mu.Unlock()

	for o := range over.All() {
		over.Remove(&o.links)
		o.finish(int64(o.revents))
	}
	for _, o := range first {
		if o != nil {
			o.ready = true
			o.engine.pool.Go(&o.task)
		}
	}
}

// ring wakes whoever polls an eventfd.
func ring(bell int) {
	unix.Write(bell, []byte{7: 1})
}
