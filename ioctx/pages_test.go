package ioctx

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A recording is what a client of the data plane had in memory at the end, and what it did until then: the input of FuzzPages. Each page is
// without the zeros at its end.
type recording struct {
	sq, ring, buf []byte // the first pages; of buf pagesBuf bytes
	moves         []byte // of moveSize each
}

// A move is a byte, which says what is done and to which word, and an operand of 32 bits.
const (
	moveSQ     = iota // a word of sq's header becomes the operand
	moveRing          // the same in ring
	moveBuf           // the same at the beginning of buf
	movePage          // the page that the operand says becomes what was recorded, its header too
	moveIocb          // an iocb goes to the place that the operand says, from the one that its upper bits say
	moveBell          // the bell rings
	moveSettle        // the daemon has its turn, until the ring's tail is the operand
	moveCancel        // all is cancelled
	moveFiles         // requests go in by submit, and events come out of events_raw
	moveKinds

	moveSize = 5

	moveSQTail   = moveSQ + tailAt/4*moveKinds
	moveRingHead = moveRing + headAt/4*moveKinds
)

// What a context has that is recorded.
const (
	pagesNr   = 30 // nr_events, so that sq and ring are a page each
	pagesSQ   = 32 // iocbs that sq has room for
	pagesBuf  = 256
	pagesFile = 64 << 10 // bytes of slot 0
)

func (r *recording) move(op byte, v uint32) {
	r.moves = binary.NativeEndian.AppendUint32(append(r.moves, op), v)
}

// corpusHeader begins a file below testdata/fuzz. Then comes a Go expression a line for each argument of the target.
const corpusHeader = "go test fuzz v1\n"

// save writes a file of FuzzPages' corpus.
func (r *recording) save(path string) error {
	text := corpusHeader
	for _, b := range [][]byte{r.sq, r.ring, r.buf, r.moves} {
		text += fmt.Sprintf("[]byte(%q)\n", b)
	}
	return os.WriteFile(path, []byte(text+"byte('\\x00')\n"), 0o644)
}

// loadRecording reads what save has written.
func loadRecording(t *testing.T, path string) (r recording) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimPrefix(string(text), corpusHeader), "\n")
	for i, to := range []*[]byte{&r.sq, &r.ring, &r.buf, &r.moves} {
		s, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(lines[i], "[]byte("), ")"))
		if err != nil {
			t.Fatalf("%s: line %d: %v", path, i+2, err)
		}
		*to = []byte(s)
	}
	return r
}

// pagesSlots are what slots of files lead to in a context that is recorded: 0 a file, 1 an empty FIFO, 2 /dev/zero, 3 /dev/null.
type pagesSlots []string

func newPagesSlots(t testing.TB) pagesSlots {
	fifo, _ := tempFIFO(t)
	return pagesSlots{tempFile(t, strings.Repeat("0123456789abcdef", pagesFile/16)), fifo, "/dev/zero", "/dev/null"}
}

// context makes one that can be recorded.
func (p pagesSlots) context(e *env) *Kioctx {
	e.Helper()
	c, err := e.SetupNew(Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())})
	if err == nil {
		err = c.SetNrEvents(pagesNr)
	}
	if err != nil {
		e.Fatal(err)
	}
	for slot, path := range p {
		e.openSlot(c, slot, "rdwr", path)
	}
	return c
}

// A replay is a client that has in its memory what was recorded, and does what was done, in a context of its own.
type replay struct {
	*env
	*recording
	c      *Kioctx
	s      *Submitter
	raw    *Reader
	shared []*Shared
	mapped []client // sq, ring, buf

	settle func(tail uint32)
	reap   func(head uint32) // before head is stored
}

// replay makes one. Who makes it kills it.
func (r *recording) replay(e *env, slots pagesSlots) *replay {
	e.Helper()
	p := &replay{env: e, recording: r, c: slots.context(e)}
	p.s, p.raw = e.submitter(p.c, true), e.reader(p.c, true, true)
	for _, open := range []func() (*Shared, error){p.c.OpenSQ, p.c.OpenRing, p.c.OpenBuf} {
		s, err := open()
		if err != nil {
			e.Fatal(err)
		}
		mem, err := unix.Mmap(s.FD(), 0, int(s.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			e.Fatal(err)
		}
		p.shared, p.mapped = append(p.shared, s), append(p.mapped, client{mem})
	}
	if len(r.sq) > sqHeader { // the headers are made by the moves
		copy(p.mapped[0].mem[sqHeader:], r.sq[sqHeader:])
	}
	copy(p.mapped[2].mem, r.buf)
	return p
}

const (
	sqHeader = ring.SQHeaderLength
	sqeSize  = len(ring.SQE{})
)

// run makes all moves.
func (p *replay) run() {
	p.Helper()
	for m := p.moves; len(m) >= moveSize; m = m[moveSize:] {
		p.make(m[0], binary.NativeEndian.Uint32(m[1:]))
	}
}

func (p *replay) make(op byte, v uint32) {
	p.Helper()
	sq, ring, buf := p.mapped[0], p.mapped[1], p.mapped[2]
	at := int(op/moveKinds) * 4
	switch op % moveKinds {
	case moveSQ:
		sq.scribble(at, v)
	case moveRing:
		if op == moveRingHead {
			p.reap(v)
		}
		ring.scribble(at, v)
	case moveBuf:
		buf.scribble(at, v)
	case movePage:
		copy(p.mapped[v%3].mem, [][]byte{p.sq, p.ring, p.buf}[v%3])
	case moveIocb:
		place := func(i uint32) []byte { return sq.mem[sqHeader+sqeSize*int(i%pagesSQ):][:sqeSize] }
		copy(place(v), place(v>>16))
	case moveBell:
		p.c.Doorbell()
	case moveSettle:
		p.settle(v)
	case moveCancel:
		p.c.Cancel([]byte("all\n"))
	case moveFiles:
		p.s.Write([]byte(strings.Repeat("noop\n", int(v%8))), self, nil)
		p.raw.Read(make([]byte, int(v>>8%8)*eventSize), false, nil)
	}
}

// kill removes the context beneath its client, who then lets go of what it has. All that was accepted must end.
func (p *replay) kill() {
	p.Helper()
	if err := p.Destroy(p.c.ID()); err != nil {
		p.Error(err)
	}
	for i, m := range p.mapped {
		m.mem[0]++ // a mapping stays
		if err := unix.Munmap(m.mem); err != nil {
			p.Error(err)
		}
		p.shared[i].Close()
	}
	p.s.Close()
	p.raw.Close()
	p.ends(p.c)
	wantSlots(p, p.c)
}

// ends waits for the end of a context that was killed: all that was accepted completes.
func (e *env) ends(c *Kioctx) {
	e.Helper()
	late := newDeadline(testenv.Patience)
	select {
	case <-c.gone:
	case <-late.Done():
		e.Fatalf("context %d does not end: %s", c.ID(), c.Inflight())
	}
	if s := c.snapshot(); s.submitted != s.completed() {
		e.Errorf("context %d: %d requests were accepted, %d completed", c.ID(), s.submitted, s.completed())
	}
}
