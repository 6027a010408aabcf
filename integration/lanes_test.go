package integration

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
	"github.com/aiofs/aiofs/ring"
)

// An op is one request of a test, whichever way it is submitted. Its file is a slot of `files`, its memory lies in buf.
type op struct {
	tag  uint64
	cmd  iocb.Cmd
	slot uint32
	off  int64
	n    int
	at   int // where in buf
}

// An answer is its event.
type answer struct {
	tag uint64
	res int64
}

// A lane is one of the ways to submit requests to a context, and to take its events. Errors are returned, since lanes run side by side.
type lane interface {
	submit(ops []op) error
	next() ([]answer, error) // waits
	// got is the first n bytes that a read has brought.
	got(o op, n int) ([]byte, error)
	// fill puts into buf what a write is to write.
	fill(at int, b []byte) error
	close()
}

var lanes = map[string]func(dir string) (lane, error){
	"text":   openTextLane,
	"raw":    openRawLane,
	"shared": openSharedLane,
}

// lane opens one on a context of d. What cannot be had here ends the test.
func (d *daemon) lane(name, c string) lane {
	d.t.Helper()
	if name == "shared" {
		d.plane(c).close() // ends the test
	}
	l, err := lanes[name](d.path(c))
	d.check(err)
	d.t.Cleanup(l.close)
	return l
}

// lines is a textLane or a rawLane: a stream of requests and one of events.
type lines struct {
	dir                 string
	submits, takes, buf *os.File
}

func openLines(dir, events string) (l lines, err error) {
	l.dir = dir
	open := func(name string, flags int) *os.File {
		f, failed := os.OpenFile(filepath.Join(dir, name), flags, 0)
		err = errors.Join(err, failed)
		return f
	}
	l.submits, l.takes, l.buf = open("submit", os.O_WRONLY), open(events, os.O_RDONLY), open("buf", os.O_RDWR)
	return l, err
}

func (l lines) close() {
	for _, f := range []*os.File{l.submits, l.takes, l.buf} {
		f.Close()
	}
}

func (l lines) got(o op, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := l.buf.ReadAt(b, int64(o.at))
	return b, err
}

func (l lines) fill(at int, b []byte) error {
	_, err := l.buf.WriteAt(b, int64(at))
	return err
}

// write is one write(2), whose count must be all.
func (l lines) write(b []byte) error {
	n, err := ignoringEINTR(func() (int, error) { return syscall.Write(int(l.submits.Fd()), b) })
	if err == nil && n != len(b) {
		err = fmt.Errorf("%d bytes of %d were taken", n, len(b))
	}
	return err
}

// A textLane writes lines and reads lines. Reads with an even tag go to out/TAG.
type textLane struct {
	lines
	events *bufio.Reader
}

func openTextLane(dir string) (lane, error) {
	l, err := openLines(dir, "events")
	return &textLane{l, bufio.NewReader(l.takes)}, err
}

func (l *textLane) submit(ops []op) error {
	var b bytes.Buffer
	for _, o := range ops {
		fmt.Fprintf(&b, "%v tag=%d", o.cmd, o.tag)
		if o.cmd != iocb.CmdNoop {
			fmt.Fprintf(&b, " slot=%d", o.slot)
		}
		if o.cmd == iocb.CmdPread || o.cmd == iocb.CmdPwrite {
			fmt.Fprintf(&b, " off=%d len=%d", o.off, o.n)
			if !o.toOut() {
				fmt.Fprintf(&b, " buf=%d", o.at)
			}
		}
		b.WriteByte('\n')
	}
	return l.write(b.Bytes())
}

func (o op) toOut() bool { return o.cmd == iocb.CmdPread && o.tag%2 == 0 }

func (l *textLane) next() ([]answer, error) {
	line, err := l.events.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%q: %w", line, err)
	}
	f := strings.Fields(line)
	if len(f) < 3 {
		return nil, fmt.Errorf("event %q", line)
	}
	tag, err1 := strconv.ParseUint(f[0], 10, 64)
	res, err2 := strconv.ParseInt(f[1], 10, 64)
	name := "-"
	if res < 0 {
		name = unix.ErrnoName(syscall.Errno(-res))
	}
	if err1 != nil || err2 != nil || f[2] != name {
		return nil, fmt.Errorf("event %q", line)
	}
	return []answer{{tag, res}}, nil
}

func (l *textLane) got(o op, n int) ([]byte, error) {
	if !o.toOut() {
		return l.lines.got(o, n)
	}
	out := filepath.Join(l.dir, "out", strconv.FormatUint(o.tag, 10))
	b, err := os.ReadFile(out)
	if err == nil && len(b) != n {
		err = fmt.Errorf("%s holds %d bytes, not %d", out, len(b), n)
	}
	return b, errors.Join(err, os.Remove(out))
}

// A rawLane writes struct iocb and reads struct io_event.
type rawLane struct{ lines }

func openRawLane(dir string) (lane, error) {
	l, err := openLines(dir, "events_raw")
	return &rawLane{l}, err
}

// iocb is o as the binary paths have it.
func (o op) iocb() iocb.Iocb {
	c := iocb.Iocb{Data: o.tag, LioOpcode: uint16(o.cmd), Fildes: o.slot, Flags: iocb.FlagFile}
	if o.cmd == iocb.CmdPread || o.cmd == iocb.CmdPwrite {
		c.Buf, c.Nbytes, c.Offset, c.Flags = uint64(o.at), uint64(o.n), o.off, iocb.FlagFile|iocb.FlagBuf
	}
	if o.cmd == iocb.CmdNoop {
		c.Flags = 0
	}
	return c
}

func (l *rawLane) submit(ops []op) error {
	var b []byte
	for _, o := range ops {
		c := o.iocb()
		b = c.AppendTo(b)
	}
	return l.write(b)
}

func (l *rawLane) next() ([]answer, error) {
	const size = 32
	b := make([]byte, 64*size)
	n, err := l.takes.Read(b)
	if err != nil || n%size != 0 {
		return nil, fmt.Errorf("%d bytes of events: %w", n, err)
	}
	var all []answer
	for e := b[:n]; len(e) > 0; e = e[size:] {
		all = append(all, answer{binary.NativeEndian.Uint64(e), int64(binary.NativeEndian.Uint64(e[16:]))})
	}
	return all, nil
}

// A sharedLane goes through sq and ring.
type sharedLane struct {
	*plane
	events []ring.IOEvent
}

func openSharedLane(dir string) (lane, error) {
	p, err := openPlane(dir)
	return &sharedLane{p, make([]ring.IOEvent, 64)}, err
}

func (l *sharedLane) submit(ops []op) error {
	for _, o := range ops {
		if !l.push(o.iocb()) {
			return errors.New("sq is full")
		}
	}
	return l.publish()
}

func (l *sharedLane) next() (all []answer, err error) {
	n, err := l.reap(l.events)
	for _, e := range l.events[:n] {
		all = append(all, answer{e.Data, e.Res})
	}
	return all, err
}

func (l *sharedLane) got(o op, n int) ([]byte, error) { return l.plane.buf[o.at:][:n], nil }

func (l *sharedLane) fill(at int, b []byte) error {
	copy(l.plane.buf[at:], b)
	return nil
}

// A ledger says what of a lane is in flight. Each of it must come once, and nothing else.
type ledger struct {
	lane
	flying map[uint64]op
}

func newLedger(l lane) *ledger { return &ledger{l, make(map[uint64]op)} }

func (l *ledger) submit(ops ...op) error {
	for _, o := range ops {
		l.flying[o.tag] = o
	}
	return l.lane.submit(ops)
}

// settle takes events until no more than left are in flight, and has each looked at.
func (l *ledger) settle(left int, look func(o op, res int64) error) error {
	for len(l.flying) > left {
		answers, err := l.next()
		if err != nil {
			return fmt.Errorf("with %d in flight: %w", len(l.flying), err)
		}
		for _, a := range answers {
			o, ok := l.flying[a.tag]
			if !ok {
				return fmt.Errorf("an event of %d, which was not in flight: %d", a.tag, a.res)
			}
			delete(l.flying, a.tag)
			if err := look(o, a.res); err != nil {
				return fmt.Errorf("%+v: result %d: %w", o, a.res, err)
			}
		}
	}
	return nil
}

// brought says whether a read of pattern brought its n bytes.
func (l *ledger) brought(o op, n int) error {
	b, err := l.got(o, n)
	if err == nil && !bytes.Equal(b, pattern(o.off, n)) {
		err = errors.New("these are other bytes")
	}
	return err
}
