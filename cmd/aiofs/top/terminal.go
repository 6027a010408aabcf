package top

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a terminal in raw mode, on its alternate screen.
type terminal struct {
	in, out *os.File
	saved   *unix.Termios
	typed   string // read, and not yet looked at
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// openTerminal takes over the terminal until restore. Keys come one by one and unseen, ^C among them.
func openTerminal(in, out *os.File) (*terminal, error) {
	saved, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	raw := *saved
	raw.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG | unix.IEXTEN
	raw.Iflag &^= unix.IXON | unix.ICRNL
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &raw); err != nil {
		return nil, err
	}
	fmt.Fprint(out, "\x1b[?1049h\x1b[?25l")
	return &terminal{in: in, out: out, saved: saved}, nil
}

func (t *terminal) restore() {
	fmt.Fprint(t.out, "\x1b[?25h\x1b[?1049l")
	_ = unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, t.saved) // nothing else could be done
}

// size is in characters; 80 by 24 where the terminal does not say.
func (t *terminal) size() (width, height int) {
	ws, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || ws.Col == 0 || ws.Row == 0 {
		return 80, 24
	}
	return int(ws.Col), int(ws.Row)
}

// draw shows lines, as many as fit. The one at mark is shown in reverse; -1: none.
func (t *terminal) draw(lines []string, mark int) {
	width, height := t.size()
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines[:min(len(lines), height)] {
		line = clip(line, width)
		if i == mark {
			line = "\x1b[7m" + line + "\x1b[m"
		}
		b.WriteString(line)
		b.WriteString("\x1b[K")
		if i < height-1 {
			b.WriteString("\r\n")
		}
	}
	b.WriteString("\x1b[J")
	fmt.Fprint(t.out, b.String())
}

// pollSlice is how long a signal may wait to be looked at.
const pollSlice = 100 * time.Millisecond

// key waits for a key until the deadline; "" then, or once ctx is done. A key is what the terminal sends for it.
func (t *terminal) key(ctx context.Context, deadline time.Time) (string, error) {
	for {
		if t.typed != "" {
			var key string
			key, t.typed = cutKey(t.typed)
			return key, nil
		}
		left := time.Until(deadline)
		if left <= 0 || ctx.Err() != nil {
			return "", nil
		}
		fds := []unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(min(left, pollSlice).Milliseconds())+1)
		if err == unix.EINTR || n == 0 {
			continue
		}
		if err != nil {
			return "", err
		}
		b := make([]byte, 64)
		got, err := t.in.Read(b)
		if err != nil {
			return "", err
		}
		t.typed = string(b[:got])
	}
}

// cutKey takes the first key of what was typed: ESC [ and a letter, or a byte.
func cutKey(typed string) (key, rest string) {
	n := 1
	if strings.HasPrefix(typed, "\x1b[") && len(typed) > 2 {
		n = 3
	}
	return typed[:n], typed[n:]
}
