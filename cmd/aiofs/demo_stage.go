package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	diskFiles = 400 // the files that answer
	hungFiles = 100 // the files that do not
)

// A stage is the temporary directory of a demo and the processes that play in it.
type stage struct {
	*printer
	dir, mnt, hangDir string
	checks            int // how many were passed

	mu       sync.Mutex
	aborted  bool     // guarded by mu: no child is started any more
	children []*child // guarded by mu: in the order of their start
	hang     *child
	daemon   *child
	shell    *shell
}

func newStage(p *printer) (*stage, error) {
	dir, err := os.MkdirTemp("", "aiofs-demo-")
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, failf(exitSystem, "no temporary directory: %w", err)
	}
	s := &stage{printer: p, dir: dir, mnt: filepath.Join(dir, "mnt"), hangDir: filepath.Join(dir, "hang")}
	for _, d := range []string{s.mnt, s.hangDir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, failf(exitSystem, "%w", err)
		}
	}
	return s, nil
}

// start starts a child, unless the demo is being aborted.
func (s *stage) start(cmd *exec.Cmd, ready string) (*child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aborted {
		return nil, context.Canceled
	}
	c, err := startChild(cmd, ready)
	if err == nil {
		s.children = append(s.children, c)
	}
	return c, err
}

// self is this program with other arguments.
func self(args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, failf(exitSystem, "the program's own file is not to be found: %w", err)
	}
	return exec.Command(path, args...), nil
}

// startHang mounts the file system that hangs, in a child: no thread of this process ever touches it.
func (s *stage) startHang(ctx context.Context) error {
	cmd, err := self(hangCommand, s.hangDir, strconv.Itoa(hungFiles))
	if err != nil {
		return err
	}
	if s.hang, err = s.start(cmd, "mounted\n"); err != nil {
		return err
	}
	return s.hang.waitReady(ctx)
}

// startDaemon mounts the aiofs, and shows what it logs.
func (s *stage) startDaemon(ctx context.Context, args []string) error {
	cmd, err := self(append([]string{s.mnt}, args...)...)
	if err != nil {
		return err
	}
	s.say("A daemon of its own, in a temporary directory:")
	s.line(strings.Join(append([]string{"aiofs", s.mnt}, args...), " ") + " &")
	if s.daemon, err = s.start(cmd, "msg=mounted"); err != nil {
		return err
	}
	if err := s.daemon.waitReady(ctx); err != nil {
		return err
	}
	fmt.Fprint(s, s.daemon.said.String())
	return nil
}

// finish ends what plays, in the order that a user would, and checks that nothing is left.
func (s *stage) finish(context.Context) error {
	s.say("The shell ends, and its context with it; the files that hung are let go; the daemon is told to end.")
	s.shell.close()
	s.hang.signal(syscall.SIGTERM)
	if !s.shell.wait(abortLimit) || !s.hang.wait(abortLimit) {
		return failf(exitDiffer, "the shell or the hanging file system did not end")
	}
	err := s.poll("aio-nr to come back to 0", func() (bool, error) {
		nr, err := os.ReadFile(filepath.Join(s.mnt, "aio-nr"))
		return string(nr) == "0\n", err
	})
	if err != nil {
		return err
	}
	s.daemon.signal(syscall.SIGTERM)
	if !s.daemon.wait(5 * time.Second) {
		return failf(exitDiffer, "the daemon did not end")
	}
	if s.daemon.err != nil {
		return failf(exitDiffer, "the daemon ended with %w:\n%s", s.daemon.err, s.daemon.said)
	}
	if mountedAt(s.mnt) != "" {
		return failf(exitDiffer, "the daemon left its mount behind")
	}
	s.checks += 3
	return nil
}

// poll asks done until it says yes, and gives up after 5 s.
func (s *stage) poll(what string, done func() (bool, error)) error {
	limit := time.Now().Add(5 * time.Second)
	for {
		ok, err := done()
		switch {
		case err != nil:
			return failf(exitDiffer, "waiting for %s: %w", what, err)
		case ok:
			s.checks++
			return nil
		case time.Now().After(limit):
			return failf(exitDiffer, "waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// abort kills everything, the hanging file system first: that wakes whoever hangs there. It touches no mount.
func (s *stage) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
	for _, c := range s.children {
		c.signal(syscall.SIGKILL)
	}
}

// strike clears the stage: no process, no mount, no file stays.
func (s *stage) strike() error {
	s.abort()
	for _, c := range s.children {
		c.wait(abortLimit)
	}
	for _, m := range []string{s.mnt, s.hangDir} {
		if mountedAt(m) != "" {
			if err := detachMount(m); err != nil {
				return err
			}
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return failf(exitSystem, "the temporary directory stays: %w", err)
	}
	return nil
}
