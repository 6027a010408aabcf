package ioctx

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx/iocb"

	"github.com/aiofs/aiofs/ring/testenv"
	"golang.org/x/sys/unix"
)

// What the goroutines of TestKillRace do, over and over.

func (r *race) setup() {
	c, err := r.Setup(rand.Uint32N(raceNumbers), Owner{})
	if !r.may("setup", err, syscall.EEXIST) {
		runtime.Gosched()
		return
	}
	r.made(c)
	r.may("nr_events", c.SetNrEvents(raceNr), syscall.EBUSY)
	r.equip(c, 0, 1, 2, 3, 4)
}

// equip opens slots that requests name.
func (r *race) equip(c *Kioctx, slots ...int) {
	f, err := c.OpenFiles()
	if !r.may("files", err) {
		return
	}
	defer f.Close()
	for _, n := range slots {
		what := []string{r.file, "open=rdwr " + r.fifo, "open=direct " + r.file, r.hang.Dir + "/live", r.hang.Dir + "/hang"}[n]
		_, err := f.Write(fmt.Appendf(nil, "open %d %s\n", n, what), self, nil)
		r.may(what, err, syscall.EBUSY)
	}
}

// rmdir kills a context, seldom enough for others to come far with it.
func (r *race) rmdir() {
	if rand.N(20) > 0 {
		r.look()
		return
	}
	r.may("rmdir", r.Destroy(rand.Uint32N(raceNumbers)), syscall.ENOENT)
	if ids := r.IDs(); len(ids) > 0 {
		r.may("rmdir", r.Destroy(ids[rand.N(len(ids))]), syscall.ENOENT)
	}
	r.sweep()
}

// lastClose has a context that others may only cancel in and kill: what it reads is there, and every event comes.
func (r *race) lastClose() {
	c, err := r.SetupNew(Owner{})
	if !r.may("new", err) {
		return
	}
	defer r.Exit(c)
	r.made(c)
	r.equip(c, 0, 2)
	s, err := c.OpenSubmit(false)
	if !r.may("submit", err) {
		return
	}
	defer s.Close()
	const n = 16
	var batch []byte
	for i := range uint64(n) {
		cb := iocb.Iocb{Data: i, Buf: i * 4096, Nbytes: 4096, Offset: int64(i) * 4096, Fildes: uint32(i % 2 * 2), Flags: iocb.FlagFile | iocb.FlagBuf}
		batch = cb.AppendTo(batch)
	}
	took, err := s.Write(batch, self, nil)
	if r.may("a batch of reads", err) && took == len(batch) {
		r.readAll(c, n)
	}
}

// readAll reads n events of c, and looks at what their reads brought.
func (r *race) readAll(c *Kioctx, n int) {
	events, err := c.OpenEvents(true, false)
	if !r.may("events", err) {
		return
	}
	defer events.Close()
	b, page := make([]byte, n*eventSize), make([]byte, 4096)
	for n > 0 {
		k, err := events.Read(b, false, newDeadline(testenv.Patience))
		if !r.may("events", err) {
			return
		}
		r.delivered(c, b[:k])
		n -= k / eventSize
		for _, ev := range parseEvents(b[:k]) {
			_, err := c.BufReadAt(page, int64(ev.data)*4096)
			switch ok := r.may("buf", err); {
			case !ok || ev.res == ecanceled:
			case ev.res != 4096 || string(page) != r.text[:4096]:
				r.Errorf("event %v, and buf has %q", ev, page[:16])
			}
		}
	}
}

// mayHang says whether one more read may hang.
func (r *race) mayHang() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hung == raceHung || rand.N(20) > 0 {
		return false
	}
	r.hung++
	return true
}

func (r *race) submitText() {
	c := r.find()
	if c == nil {
		return
	}
	defer c.Put()
	s, err := c.OpenSubmit(rand.N(2) == 0)
	if !r.may("submit", err) {
		return
	}
	defer s.Close()
	var text strings.Builder
	lines := []string{
		"noop", "pread slot=0 keep=no len=100", "pread slot=1 keep=no len=1", "poll slot=1 events=in", "pread slot=3 keep=no len=9",
		"pwrite slot=1 str=x", "fsync slot=0", "pread keep=no " + r.file, "pread len=5000 " + r.file, "pread keep=no len=1 " + r.fifo,
		"pread keep=no len=1 " + r.hang.Dir + "/live", "pread slot=0 buf=0 len=4096", "pread /no/such", "pread slot=0 keep=no",
	}
	for range rand.N(8) {
		text.WriteString(lines[rand.N(len(lines))] + "\n")
	}
	if r.mayHang() {
		text.WriteString("pread slot=4 keep=no len=1\n")
	}
	_, err = s.Write([]byte(text.String()), self, newDeadline(time.Duration(rand.N(20))*time.Millisecond))
	r.may("text", err, syscall.EAGAIN, syscall.EINTR, syscall.EBADF)
}

func (r *race) submitBinary() {
	c := r.find()
	if c == nil {
		return
	}
	defer c.Put()
	s, err := c.OpenSubmit(true)
	if !r.may("submit", err) {
		return
	}
	defer s.Close()
	var batch []byte
	for range rand.N(40) {
		cb := iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop)}
		if rand.N(2) == 0 {
			cb = iocb.Iocb{Buf: 4096 * rand.Uint64N(64), Nbytes: 4096, Fildes: 2 * rand.Uint32N(2), Flags: iocb.FlagFile | iocb.FlagBuf}
		}
		batch = cb.AppendTo(batch)
	}
	_, err = s.Write(batch, self, nil)
	r.may("iocbs", err, syscall.EAGAIN, syscall.EBADF)
}

func (r *race) read() {
	c := r.find()
	if c == nil {
		return
	}
	defer c.Put()
	events, err := c.OpenEvents(true, rand.N(2) == 0)
	if !r.may("events", err) {
		return
	}
	defer events.Close()
	if rand.N(2) == 0 {
		r.may("min=", events.Configure(fmt.Appendf(nil, "min=%d timeout=%dms", 1+rand.N(4), rand.N(20))))
	}
	b := make([]byte, 8*eventSize)
	n, err := events.Read(b, false, newDeadline(time.Duration(rand.N(20))*time.Millisecond))
	r.may("events", err, syscall.EAGAIN, syscall.EINTR)
	r.delivered(c, b[:n])
}

func (r *race) cancel() {
	c := r.findAny()
	if c == nil {
		return
	}
	defer c.Put()
	if rand.N(3) == 0 {
		r.feed()
	}
	lines := []string{"all\n", fmt.Sprintf("seq=%d\ntag=%d\n", rand.N(50), rand.N(50))}
	r.may("cancel", c.Cancel([]byte(lines[rand.N(2)])), syscall.ENOENT)
}

// feed gives one of the reads of the FIFO a byte, unless it is full because they were all cancelled.
func (r *race) feed() {
	if conn, err := r.fifoIn.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { unix.Write(int(fd), []byte("x")) })
	}
}

// memory uses buf and out beside the requests that do.
func (r *race) memory() {
	c := r.find()
	if c == nil {
		return
	}
	defer c.Put()
	b := make([]byte, 5000)
	off := rand.Int64N(defaultBuf)
	_, err := c.BufWriteAt(b, off)
	r.may("buf", err)
	_, err = c.BufReadAt(b, off)
	r.may("buf", err)
	r.may("truncate", c.BufTruncate(defaultBuf+4096*rand.Int64N(3)), syscall.EBUSY)
	for _, tag := range c.OutTags() {
		o, err := c.Out(tag)
		if !r.may("out", err, syscall.ENOENT) {
			continue
		}
		r.may("rm", c.RemoveOut(tag), syscall.ENOENT)
		n, err := o.ReadAt(b, 0)
		if r.may("out", err) && string(b[:n]) != r.text[:n] {
			r.Errorf("out/%d has %d bytes that are not the file's", tag, n)
		}
		o.Put()
	}
}

func (r *race) slots() {
	c := r.find()
	if c == nil {
		return
	}
	defer c.Put()
	f, err := c.OpenFiles()
	if !r.may("files", err) {
		return
	}
	defer f.Close()
	n := rand.N(5)
	_, err = f.Write(fmt.Appendf(nil, "close %d\n", n), self, nil)
	r.may("close", err, syscall.EBADF)
	r.equip(c, n)
}

// look looks at what can be looked at, also after the kill.
func (r *race) look() {
	c := r.findAny()
	if c == nil {
		return
	}
	c.Stat()
	c.Put()
	c.Stat()
	c.Inflight()
	c.FilesText()
	c.ErrorLog()
	c.BufSize()
	r.IDs()
}
