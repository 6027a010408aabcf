package ioctx

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// A request without a tag bears its seq.
func TestTheDefaultTagIsTheSeq(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	e.submit(c, "noop\nnoop tag=0\nnoop tag=77\nnoop\n")
	got := e.cat(c)
	for _, want := range []string{"1 0 - seq=1 op=noop ", "0 0 - seq=2 ", "77 0 - seq=3 ", "4 0 - seq=4 "} {
		if !strings.Contains("\n"+got, "\n"+want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

// A request cut by the end of a write is completed by the next one, and counts as taken meanwhile.
func TestACutIsKeptForTheNextWrite(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	s := e.submitter(c, false)
	e.write(s, "noop tag=1\nno", 13, 0)
	e.write(s, "op ta", 5, 0)
	e.wantStat(c, "submitted", 1)
	e.write(s, "g=2\nnoop tag", 12, 0)
	e.wantStat(c, "submitted", 2)
	e.write(s, "=3\n", 3, 0)
	s.Close()
	e.wantStat(c, "submitted", 3)
	e.wantStat(c, "cut", 0)
	if got := e.cat(c); !strings.Contains(got, "2 0 - ") || !strings.Contains(got, "3 0 - ") {
		t.Errorf("events %q", got)
	}
}

// EAGAIN and EINTR leave the cut where it is, a refusal discards it.
func TestWhatBecomesOfACut(t *testing.T) {
	e, f := fakeEnv(t, Config{})
	c := full(e, 1)
	s, wait, r := e.submitter(c, true), e.submitter(c, false), e.reader(c, true, false)
	defer s.Close()
	defer wait.Close()
	defer r.Close()
	e.write(s, "noop tag=8", 10, 0)
	e.write(s, "8\n", 0, syscall.EAGAIN)
	e.write(wait, "noop tag=9", 10, 0)
	sig := newSignal()
	w := beginWrite(t, wait, "9\n", sig)
	asleep(t, &c.writers, 1)
	sig.send(true)
	w.want(0, syscall.EINTR)
	f.finish(1, 0)
	e.events(r, 1)
	e.write(s, "8\n", 2, 0)
	f.finish(1, 0)
	e.events(r, 1)
	e.write(wait, "9\n", 2, 0)
	f.finish(1, 0)
	if ev := e.events(r, 1)[0]; ev.data != 99 {
		t.Errorf("tag %d, want 99", ev.data)
	}

	e.write(s, "noop", 4, 0)
	e.write(s, "sense\n", 0, syscall.EINVAL)
	e.write(s, "noop tag=5\n", 11, 0)
	e.wantStat(c, "submitted", 4)
	if log := string(c.ErrorLog()); !strings.Contains(log, ": noopsense\n") {
		t.Errorf("error_log %q", log)
	}
}

// What is left at the last close was never a request, and error_log and stat say so.
func TestACutAtTheCloseIsNoRequest(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	s := e.submitter(c, false)
	e.write(s, "noop\npread len=10", 17, 0)
	s.Close()
	e.wantStat(c, "submitted", 1)
	e.wantStat(c, "cut", 1)
	want := "line=2 EINVAL cut off by the close, not taken: pread len=10\n"
	if log := string(c.ErrorLog()); log != want {
		t.Errorf("error_log %q, want %q", log, want)
	}
}

// The count covers exactly what was taken; the rest, written again, is refused by itself, and error_log has it once.
func TestAShortCountCoversWhatWasTaken(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	s := e.submitter(c, false)
	defer s.Close()
	e.write(s, "noop\n\n#\nnoop\nbad\nnoop\n", 13, 0)
	e.write(s, "bad\nnoop\n", 0, syscall.EINVAL)
	e.write(s, "noop\n", 5, 0)
	e.wantStat(c, "submitted", 3)
	e.wantStat(c, "refused", 1)
	if log := string(c.ErrorLog()); strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, "line=5 EINVAL ") {
		t.Errorf("error_log %q", log)
	}
}

func TestErrorLogKeepsTheLast(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	s := e.submitter(c, false)
	defer s.Close()
	for i := range errorLogLines + 10 {
		e.write(s, fmt.Sprintf("bad%d\n", i), 0, syscall.EINVAL)
	}
	e.write(s, strings.Repeat("x", 2*errorLogText)+"\\\n", 0, syscall.EINVAL)
	lines := strings.Split(strings.TrimSuffix(string(c.ErrorLog()), "\n"), "\n")
	if len(lines) != errorLogLines || !strings.HasSuffix(lines[0], ": bad11") {
		t.Errorf("%d lines, the first %q", len(lines), lines[0])
	}
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, ": "+strings.Repeat("x", errorLogText)) {
		t.Errorf("the last is %q", last)
	}
}

// packed packs iocbs.
func packed(cs ...iocb.Iocb) string {
	var b []byte
	for _, c := range cs {
		b = c.AppendTo(b)
	}
	return string(b)
}

func TestBinary(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte("hello, world"), 0o666); err != nil {
			t.Fatal(err)
		}
		c := e.setup(1)
		e.openSlot(c, 5, "rdwr", path)
		const file, buf = iocb.FlagFile, iocb.FlagFile | iocb.FlagBuf
		s, r := e.submitter(c, false), e.reader(c, true, false)
		defer s.Close()
		defer r.Close()
		e.write(s, packed(
			iocb.Iocb{Data: 10, LioOpcode: uint16(iocb.CmdPread), Fildes: 5, Buf: 100, Nbytes: 5, Offset: 7, Flags: buf},
			iocb.Iocb{Data: 11, LioOpcode: uint16(iocb.CmdPoll), Fildes: 5, Buf: unix.POLLIN, Flags: file},
			iocb.Iocb{Data: 12, LioOpcode: uint16(iocb.CmdFsync), Fildes: 5, Flags: file},
			iocb.Iocb{Data: 13, LioOpcode: uint16(iocb.CmdFdsync), Fildes: 5, Flags: file},
			iocb.Iocb{Data: 14, LioOpcode: uint16(iocb.CmdNoop)},
		)+"rest", 5*64, 0)
		want := map[uint64]ioEvent{10: {10, 1, 5}, 11: {11, 2, unix.POLLIN}, 12: {12, 3, 0}, 13: {13, 4, 0}, 14: {14, 5, 0}}
		for _, ev := range e.events(r, 5) {
			if ev != want[ev.data] {
				t.Errorf("event %v, want %v", ev, want[ev.data])
			}
		}
		b := make([]byte, 5)
		if n, err := c.BufReadAt(b, 100); n != 5 || err != nil || string(b) != "world" {
			t.Errorf("buf has %q, %v", b[:n], err)
		}
		e.write(s, packed(iocb.Iocb{LioOpcode: uint16(iocb.CmdPwrite), Fildes: 5, Buf: 100, Nbytes: 5, Flags: buf}), 64, 0)
		e.events(r, 1)
		if b, _ := os.ReadFile(path); string(b) != "world, world" {
			t.Errorf("the file is %q", b)
		}
	})
}

// The order of the kernel: what is wrong with the iocb alone, the slot, the file, and then the rest.
func TestTheOrderOfRefusal(t *testing.T) {
	e, _ := fakeEnv(t, Config{})
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	c := e.setup(1)
	e.openSlot(c, 0, "rdonly", path)
	if err := c.SetNrEvents(1); err != nil {
		t.Fatal(err)
	}
	all := iocb.Iocb{LioOpcode: 4, RWFlags: 1 << 30, Fildes: 9, Buf: 0, Nbytes: 1 << 63, Offset: -1, Reserved2: 1,
		Flags: iocb.FlagFile | iocb.FlagBuf}
	s := e.submitter(c, true)
	defer s.Close()
	e.write(s, packed(iocb.Iocb{LioOpcode: uint16(iocb.CmdNoop)}), 64, 0) // takes the only slot
	for _, step := range []struct {
		errno syscall.Errno
		why   string
		mend  func()
	}{
		{syscall.EINVAL, "aio_reserved2", func() { all.Reserved2 = 0 }},
		{syscall.EINVAL, "aio_nbytes", func() { all.Nbytes = 1 }},
		{syscall.EAGAIN, "", func() { c.putReqsAvailable(c.live.Load(), 1) }},
		{syscall.EBADF, "slot 9", func() { all.Fildes = 0 }},
		{syscall.EINVAL, "aio_lio_opcode", func() { all.LioOpcode = uint16(iocb.CmdPwrite) }},
		{syscall.EOPNOTSUPP, "aio_rw_flags", func() { all.RWFlags = 0 }},
		{syscall.EBADF, "not open for writing", func() { all.LioOpcode = uint16(iocb.CmdPread) }},
		{syscall.EINVAL, "offset -1", func() { all.Offset = 0 }},
	} {
		e.write(s, packed(all), 0, step.errno)
		log := strings.Split(string(c.ErrorLog()), "\n")
		if last := log[max(0, len(log)-2)]; !strings.Contains(last, step.why) {
			t.Errorf("error_log says %q, want %q", last, step.why)
		}
		step.mend()
	}
	e.write(s, packed(all), 64, 0)
	e.write(s, packed(all)[:63], 0, syscall.EINVAL)
	e.wantStat(c, "in_flight", 2)
}
