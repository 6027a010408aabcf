package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A printer writes the demo's page. Sentences, shell lines and their output differ by colour on a terminal that wants it.
type printer struct {
	mu       sync.Mutex
	w        io.Writer // guarded by mu
	terminal bool
	colour   bool
}

func newPrinter(w io.Writer) *printer {
	p := &printer{w: w}
	if f, ok := w.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		p.terminal = err == nil
	}
	p.colour = p.terminal && os.Getenv("NO_COLOR") == ""
	return p
}

// Write passes the output of a shell line through.
func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.w.Write(b)
}

// say prints a sentence, apart from what stands above it.
func (p *printer) say(format string, a ...any) {
	fmt.Fprintf(p, "\n%s\n", p.paint("36", "# "+fmt.Sprintf(format, a...)))
}

// line prints a shell line as it is typed.
func (p *printer) line(text string) { fmt.Fprintln(p, p.paint("1", "$ "+text)) }

// note prints a result of the demo's own.
func (p *printer) note(format string, a ...any) { fmt.Fprintf(p, format+"\n", a...) }

// progress overwrites the line of the progress before it; it prints nothing where there is no terminal.
func (p *printer) progress(format string, a ...any) {
	if p.terminal {
		fmt.Fprintf(p, "\r\033[K"+format, a...)
	}
}

// progressEnd takes the last progress away.
func (p *printer) progressEnd() {
	if p.terminal {
		fmt.Fprint(p, "\r\033[K")
	}
}

func (p *printer) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\033[" + code + "m" + s + "\033[0m"
}
