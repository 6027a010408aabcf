package ioctx

import (
	"fmt"
	"strconv"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// Inflight is the text of inflight: a line for each request that is not completed, the oldest first, in the columns of events:
//
//	TAG - - seq=N op=OP usec=AGE file=FILE off=BYTES len=BYTES state=STATE [PATH]
//
// FILE is slot:N, fd:N, path, or - without one; len is `end` for up to the end, and for preadv and pwritev the number of iovecs.
// STATE is stage while a thread opens the file or finds its end, or the request waits for one; start on its way to the engine; io
// where the engine has it; cancel once it was told to stop.
func (c *Kioctx) Inflight() []byte {
	t := now()
	var b []byte
	c.ctxLock.Lock()
	defer c.ctxLock.Unlock()
	for k := range c.active.All() {
		b = k.appendInflight(b, (t-k.begun)/1000)
	}
	return b
}

// appendInflight appends the line of a request. The caller holds ctxLock, so k.req is what was accepted.
func (k *kiocb) appendInflight(b []byte, usec int64) []byte {
	r := &k.req
	length := "end"
	if r.Len != iocb.LenToEnd {
		length = strconv.FormatInt(r.Len, 10)
	}
	b = fmt.Appendf(b, "%d - -", k.tag)
	b = appendInfo(b, info{seq: k.seq, cmd: r.Cmd, usec: max(usec, 0)})
	b = fmt.Appendf(b[:len(b)-1], " file=%s off=%d len=%s state=%s", fileName(r), r.Off, length, k.state())
	if r.Path != "" {
		b = iocb.AppendPath(append(b, ' '), r.Path)
	}
	return append(b, '\n')
}

// fileName says how a request names its file.
func fileName(r *iocb.Request) string {
	switch r.File {
	case iocb.FileSlot:
		return fmt.Sprintf("slot:%d", r.Slot)
	case iocb.FileFD:
		return fmt.Sprintf("fd:%d", r.FD)
	case iocb.FilePath:
		return "path"
	}
	return "-"
}

// state is how far a request has come; the caller holds ctxLock.
func (k *kiocb) state() string {
	switch {
	case k.cancelled:
		return "cancel"
	case k.phase == phaseStage:
		return "stage"
	case k.phase == phaseStart:
		return "start"
	}
	return "io"
}
