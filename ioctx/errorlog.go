package ioctx

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// What error_log keeps: the last refusals, and of each so much text.
const (
	errorLogLines = 64
	errorLogText  = 256
)

// refusal is a request that was refused: which, why, and its text.
type refusal struct {
	where string // line=N, iocb=N; setup where the first request could not have what a context needs
	err   error
	text  []byte
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// line is the refusal as error_log shows it: `line=N ERRNO why: text`.
func (r *refusal) line() string {
	errno, why := syscall.EIO, r.err.Error()
	var ir *iocb.Refusal
	switch {
	case errors.As(r.err, &ir):
		errno, why = ir.Errno, ir.Why
	case errors.As(r.err, &errno):
	}
	s := fmt.Sprintf("%s %s %s", r.where, iocb.ErrnoName(errno), why)
	if len(r.text) == 0 {
		return s
	}
	text := r.text
	if len(text) > errorLogText {
		text = text[:errorLogText]
	}
	return s + ": " + string(iocb.AppendPath(nil, strings.ToValidUTF8(string(text), "?")))
}

// errorLog keeps the last refusals of a context.
type errorLog struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (l *errorLog) add(r *refusal) {
	line := r.line()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == errorLogLines {
		l.lines = append(l.lines[:0], l.lines[1:]...)
	}
	l.lines = append(l.lines, line)
}

// ErrorLog is the text of error_log: the last refusals, oldest first, a line each.
func (c *Kioctx) ErrorLog() []byte {
	l := &c.errorLog
	l.mu.Lock()
	defer l.mu.Unlock()
	var b []byte
	for _, line := range l.lines {
		b = append(append(b, line...), '\n')
	}
	return b
}
