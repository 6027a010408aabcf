package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// text writes lines and reads lines. Every second read goes to out/TAG, and every second short write has its bytes with it.
type text struct {
	stream
	arena
	events *bufio.Reader
	strs   map[uint64][]byte // by tag: the bytes of writes to come
}

func openText(dir string) (Lane, error) {
	s, err := openStream(dir, "events", os.O_RDONLY)
	return &text{s, arena{memory: s.buf}, bufio.NewReader(s.takes), make(map[uint64][]byte)}, err
}

func (o Op) toOut() bool   { return o.Cmd == iocb.CmdPread && o.Tag%2 == 0 }
func (o Op) fromStr() bool { return o.Cmd == iocb.CmdPwrite && o.Tag%2 == 0 && o.N <= 100 }

func (t *text) Fill(o Op, b []byte) error {
	if o.fromStr() {
		t.strs[o.Tag] = bytes.Clone(b)
		return nil
	}
	return t.arena.Fill(o, b)
}

func (t *text) Submit(ops []Op) error {
	var b bytes.Buffer
	for _, o := range ops {
		fmt.Fprintf(&b, "%v tag=%d", o.Cmd, o.Tag)
		if o.file() {
			fmt.Fprintf(&b, " slot=%d", o.Slot)
		}
		switch {
		case o.Cmd == iocb.CmdPoll:
			fmt.Fprintf(&b, " events=%d", o.N)
		case o.fromStr():
			fmt.Fprintf(&b, " off=%d str=", o.Off)
			for _, c := range t.strs[o.Tag] {
				fmt.Fprintf(&b, `\%03o`, c)
			}
			delete(t.strs, o.Tag)
		case o.toOut():
			fmt.Fprintf(&b, " off=%d len=%d", o.Off, o.N)
		case o.rw():
			fmt.Fprintf(&b, " off=%d len=%d buf=%d", o.Off, o.N, o.At)
		}
		b.WriteByte('\n')
	}
	return t.write(b.Bytes())
}

func (t *text) Next() ([]Answer, error) {
	line, err := t.events.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("events: %q: %w", line, err)
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
	return []Answer{{tag, res}}, nil
}

func (t *text) Got(o Op, n int) ([]byte, error) {
	if !o.toOut() {
		return t.arena.Got(o, n)
	}
	out := filepath.Join(t.dir, "out", strconv.FormatUint(o.Tag, 10))
	b, err := os.ReadFile(out)
	if err == nil && len(b) != n {
		err = fmt.Errorf("%s holds %d bytes, not %d", out, len(b), n)
	}
	return b, errors.Join(err, os.Remove(out))
}
