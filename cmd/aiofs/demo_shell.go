package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// A shell is one /bin/sh that the demo types into, so that a descriptor opened in one line is there in the next.
type shell struct {
	*child
	in   io.WriteCloser
	out  *bufio.Reader
	echo io.Writer
}

// mark stands before the exit status of a line, on a line of its own; no file of the demo holds it.
const mark = "\036"

// startShell starts it in the temporary directory, with the mount in $M.
func (s *stage) startShell(context.Context) error {
	cmd := exec.Command("/bin/sh")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "M="+s.mnt, "LC_ALL=C", "ENV=", "BASH_ENV=")
	in, err := cmd.StdinPipe()
	if err != nil {
		return failf(exitSystem, "%w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return failf(exitSystem, "%w", err)
	}
	defer w.Close()
	cmd.Stdout, cmd.Stderr = w, w
	c, err := s.start(cmd, "")
	if err != nil {
		return err
	}
	s.shell = &shell{child: c, in: in, out: bufio.NewReader(r), echo: s}
	s.line("cd " + s.dir + "; M=" + s.mnt)
	return nil
}

// run types a line, passes its output on as it comes, and returns that and the exit status.
func (sh *shell) run(line string) (output string, status int, err error) {
	if _, err := fmt.Fprintf(sh.in, "{\n%s\n} </dev/null\nprintf '\\036%%d\\n' $?\n", line); err != nil {
		return "", 0, failf(exitDiffer, "the shell has ended: %w", err)
	}
	var out strings.Builder
	for {
		l, err := sh.out.ReadString('\n')
		text, number, last := strings.Cut(l, mark)
		out.WriteString(text)
		if _, err := io.WriteString(sh.echo, text); err != nil {
			return "", 0, failf(exitSystem, "the output cannot be written: %w", err)
		}
		switch {
		case last:
			status, err = strconv.Atoi(strings.TrimSpace(number))
			return out.String(), status, err
		case err != nil:
			return "", 0, failf(exitDiffer, "the shell ended in the midst of it")
		}
	}
}

// close lets the shell end.
func (sh *shell) close() { _ = sh.in.Close() } // it is closed already where the shell has ended
