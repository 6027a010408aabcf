package bench

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// progress is a line on a terminal that changes; elsewhere it is nothing.
type progress struct{ w io.Writer }

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			return &progress{f}
		}
	}
	return &progress{}
}

const eraseLine = "\r\x1b[K"

func (p *progress) show(format string, a ...any) {
	if p.w != nil {
		fmt.Fprintf(p.w, eraseLine+format, a...)
	}
}

// clear leaves the line empty.
func (p *progress) clear() { p.show("") }
