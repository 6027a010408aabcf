package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	endLimit   = 10 * time.Second // for the daemon to end by itself
	abortLimit = 5 * time.Second  // from the user's Ctrl-C, for calls into the mount to come back
)

// A daemon is a mount in a temporary directory, served by this program in a process of its own.
type daemon struct {
	dir   string
	cmd   *exec.Cmd
	ready chan struct{} // closed when it says that it has mounted
	ended chan struct{} // closed when the process is reaped
	last  string        // the last line of its log; to be read once ended is closed
	err   error         // of the process; to be read once ended is closed
}

// startDaemon mounts. When ctx is done the mount has abortLimit to come to its end; then the daemon is killed, and what waits in the mount
// fails.
func startDaemon(ctx context.Context, options string) (*daemon, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "aiofs-bench-")
	if err != nil {
		return nil, err
	}
	d := &daemon{
		dir: dir, cmd: exec.Command(self, dir, "-o", options),
		ready: make(chan struct{}), ended: make(chan struct{}),
	}
	// Ctrl-C is for this process alone; if it dies of anything else, the daemon unmounts.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	log, err := d.cmd.StderrPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	go d.watch(log)
	go d.abort(ctx)
	if err := d.wait(ctx); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// watch reads the log to its end and reaps the process.
func (d *daemon) watch(log io.Reader) {
	defer close(d.ended)
	mounted := false
	for s := bufio.NewScanner(log); s.Scan(); {
		d.last = s.Text()
		if !mounted && strings.Contains(d.last, "msg=mounted") {
			mounted = true
			close(d.ready)
		}
	}
	d.err = d.cmd.Wait()
}

// abort kills a daemon that outlives ctx by abortLimit.
func (d *daemon) abort(ctx context.Context) {
	select {
	case <-d.ended:
		return
	case <-ctx.Done():
	}
	select {
	case <-d.ended:
	case <-time.After(abortLimit):
		d.cmd.Process.Kill()
	}
}

// wait waits until the mount is there.
func (d *daemon) wait(ctx context.Context) error {
	select {
	case <-d.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.ended:
		return fmt.Errorf("the daemon could not mount: %s", strings.TrimPrefix(d.last, "aiofs: "))
	}
}

// stop unmounts and returns when the daemon has ended.
func (d *daemon) stop() error {
	d.cmd.Process.Signal(syscall.SIGTERM)
	var late error
	select {
	case <-d.ended:
	case <-time.After(endLimit):
		late = fmt.Errorf("the daemon did not end within %v and was killed", endLimit)
		d.cmd.Process.Kill()
		<-d.ended
	}
	if d.err != nil { // it may have left its mount
		detach(d.dir)
	}
	return errors.Join(late, os.Remove(d.dir))
}

// detach takes a mount out of the tree, if there is one.
func detach(dir string) {
	err := syscall.Unmount(dir, syscall.MNT_DETACH)
	if !errors.Is(err, syscall.EPERM) {
		return
	}
	for _, helper := range []string{"fusermount3", "fusermount"} { // for a user
		if exec.Command(helper, "-u", "-z", "-q", dir).Run() == nil {
			return
		}
	}
}
