package main

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A child is a process that the demo started, in a process group of its own: Ctrl-C reaches the demo alone.
type child struct {
	cmd  *exec.Cmd
	said *watchedBuffer // stdout and stderr, where they do not go elsewhere
	done chan struct{}  // closed once err is set and the process is reaped
	err  error
}

// startChild starts cmd. Should the demo die before it, cmd gets SIGTERM.
func startChild(cmd *exec.Cmd, ready string) (*child, error) {
	c := &child{cmd: cmd, said: &watchedBuffer{want: ready, seen: make(chan struct{})}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = c.said, c.said
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGTERM
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, failf(exitSystem, "%s cannot be started: %w", cmd.Path, err)
	}
	go func() { // ends with the process
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// waitReady waits until the child has said what it says when it is ready. If it ends first, its own sentence and
// status are the failure.
func (c *child) waitReady(ctx context.Context) error {
	select {
	case <-c.said.seen:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.done:
	}
	status := c.cmd.ProcessState.ExitCode()
	if status <= exitOK {
		return failf(exitSystem, "%s ended before it was ready: %s", c.cmd.Path, c.cmd.ProcessState)
	}
	lines := strings.Split(strings.TrimSpace(c.said.String()), "\n")
	return failf(status, "%s", strings.TrimPrefix(lines[len(lines)-1], "aiofs: "))
}

// signal sends sig to the child and to all that it started.
func (c *child) signal(sig syscall.Signal) {
	select {
	case <-c.done: // its number may be somebody else's by now
	default:
		_ = syscall.Kill(-c.cmd.Process.Pid, sig) // it may be gone by now, which is as good
	}
}

// wait reports whether the child ended within limit.
func (c *child) wait(limit time.Duration) bool {
	select {
	case <-c.done:
		return true
	case <-time.After(limit):
		return false
	}
}

// A watchedBuffer keeps what is written to it and closes seen when that holds want.
type watchedBuffer struct {
	mu   sync.Mutex
	b    bytes.Buffer // guarded by mu
	want string
	seen chan struct{}
	once sync.Once
}

var _ io.Writer = (*watchedBuffer)(nil)

func (w *watchedBuffer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if bytes.Contains(w.b.Bytes(), []byte(w.want)) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(p), nil
}

func (w *watchedBuffer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}
