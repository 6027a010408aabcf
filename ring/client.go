package ring

import (
	"fmt"
	"math/bits"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFile maps a file of a context, as a client does, and checks that it begins with the header of what it should be. ENODEV where
// the mount does not share memory, EPROTO where it is something else.
func mapFile(f *os.File, magic uint32, element int) (data []byte, h *Header, nr uint32, err error) {
	st, err := f.Stat()
	if err != nil {
		return nil, nil, 0, err
	}
	if st.Size() < int64(unsafe.Sizeof(Header{})) {
		return nil, nil, 0, fmt.Errorf("%s: %w", f.Name(), unix.ENODEV)
	}
	if data, err = unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, nil, 0, fmt.Errorf("mmap %s: %w", f.Name(), err)
	}
	h = (*Header)(unsafe.Pointer(&data[0]))
	nr = h.Nr
	if h.Magic != magic || h.HeaderLength%8 != 0 || nr == 0 || uint64(h.HeaderLength)+uint64(nr)*uint64(element) > uint64(len(data)) {
		unix.Munmap(data)
		return nil, nil, 0, fmt.Errorf("%s: %w", f.Name(), unix.EPROTO)
	}
	return data, h, nr, nil
}

// Reaper is a client's side of a completion ring: it takes events without a system call. One goroutine at a time uses it.
type Reaper struct {
	data   []byte
	header *Header
	events []IOEvent
}

// MapReaper maps the file `ring` of a context, open for reading and writing. The mapping outlives the file. ENODEV where the mount does
// not share memory.
func MapReaper(f *os.File) (*Reaper, error) {
	data, h, nr, err := mapFile(f, Magic, eventSize)
	if err != nil {
		return nil, err
	}
	first := unsafe.Add(unsafe.Pointer(h), h.HeaderLength)
	return &Reaper{data: data, header: h, events: unsafe.Slice((*IOEvent)(first), nr)}, nil
}

// Reap takes as many events as are there and fit into dst, and returns how many. It does not wait: see the file `ready`.
func (r *Reaper) Reap(dst []IOEvent) int {
	nr := uint32(len(r.events))
	head := r.header.Head % nr
	n := min(Occupied(head, atomic.LoadUint32(&r.header.Tail), nr), uint32(len(dst)))
	for i := range n {
		dst[i] = r.events[(head+i)%nr]
	}
	if n > 0 {
		// The events have been read; now their places may be used again.
		atomic.StoreUint32(&r.header.Head, (head+n)%nr)
	}
	return int(n)
}

// Dead says whether the context was killed. What is in the ring then is still there, and nothing will be added.
func (r *Reaper) Dead() bool { return atomic.LoadUint32(&r.header.IncompatFeatures)&IncompatDead != 0 }

// Close unmaps the ring.
func (r *Reaper) Close() error {
	data := r.data
	*r = Reaper{}
	return unix.Munmap(data)
}

// Submitter is a client's side of a submission ring. One goroutine at a time uses it.
type Submitter struct {
	data   []byte
	header *Header
	iocbs  []SQE
	tail   uint32 // of what was pushed; what the header shows is what was published
}

// MapSubmitter maps the file `sq` of a context, open for reading and writing. The mapping outlives the file. ENODEV where the mount does
// not share memory.
func MapSubmitter(f *os.File) (*Submitter, error) {
	data, h, nr, err := mapFile(f, SQMagic, sqeSize)
	if err != nil {
		return nil, err
	}
	if bits.OnesCount32(nr) != 1 {
		unix.Munmap(data)
		return nil, fmt.Errorf("%s: %d places: %w", f.Name(), nr, unix.EPROTO)
	}
	first := unsafe.Add(unsafe.Pointer(h), h.HeaderLength)
	s := &Submitter{data: data, header: h, iocbs: unsafe.Slice((*SQE)(first), nr)}
	s.tail = atomic.LoadUint32(&h.Tail)
	return s, nil
}

// Room is how many iocbs can be pushed now.
func (s *Submitter) Room() int {
	return len(s.iocbs) - int(s.tail-atomic.LoadUint32(&s.header.Head))
}

// Push writes a struct iocb of 64 bytes, as iocb.Iocb.AppendTo makes it, behind the last; false: there is no room. The daemon sees it
// after Publish.
func (s *Submitter) Push(iocb []byte) bool {
	if s.Room() <= 0 {
		return false
	}
	copy(s.iocbs[s.tail&uint32(len(s.iocbs)-1)][:], iocb)
	s.tail++
	return true
}

// Publish shows the daemon what was pushed. True: the daemon sleeps, and the caller writes one byte to `doorbell`.
func (s *Submitter) Publish() (ring bool) {
	// An exchange is the store and the full barrier behind it: without that, the load below could overtake the store, and both
	// sides would wait for each other.
	atomic.SwapUint32(&s.header.Tail, s.tail)
	return atomic.LoadUint32(&s.header.CompatFeatures)&SQNeedWakeup != 0
}

// Dead says whether the context was killed: nothing that was pushed since will be taken.
func (s *Submitter) Dead() bool { return atomic.LoadUint32(&s.header.CompatFeatures)&SQDead != 0 }

// Close unmaps the ring.
func (s *Submitter) Close() error {
	data := s.data
	*s = Submitter{}
	return unix.Munmap(data)
}
