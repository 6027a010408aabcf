package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// statusEnv tells the daemon in the background which of its descriptors is the pipe to who started it: one byte comes through it
// when the mount answers. Go cannot fork, so the daemon is this program started anew with the same arguments.
const statusEnv = "AIOFS_STATUS_FD"

// detach starts the daemon in the background, in a session of its own, and returns when its mount answers. If that fails the daemon
// has said why, and its exit status is ours. Signals are passed on to it until then.
func detach() error {
	daemon, err := self()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return failf(exitSystem, "no pipe to the daemon: %w", err)
	}
	defer r.Close()
	daemon.Args = os.Args
	daemon.Env = append(os.Environ(), statusEnv+"=3")
	daemon.ExtraFiles = []*os.File{w}
	daemon.Stderr = os.Stderr
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err = daemon.Start()
	w.Close()
	if err != nil {
		return failf(exitSystem, "the daemon cannot be started: %w", err)
	}
	go func() { // ends with the process
		for s := range signals {
			_ = daemon.Process.Signal(s) // it may be gone, which r tells
		}
	}()
	if n, _ := r.Read(make([]byte, 1)); n == 1 {
		return nil
	}
	return notMounted(daemon.Wait())
}

// notMounted is what the end of a daemon means that has not mounted.
func notMounted(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > exitOK {
		return &failure{exit.ExitCode(), errSaid}
	}
	return failf(exitMount, "the daemon ended before its mount was there: %v", err)
}

// statusPipe is the pipe to who started this daemon; nil in the foreground. No program that the daemon starts gets it.
func statusPipe() *os.File {
	fd, err := strconv.Atoi(os.Getenv(statusEnv))
	os.Unsetenv(statusEnv)
	if err != nil || fd <= 2 {
		return nil
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "status")
}

// release lets go who waits for this daemon, its terminal and its working directory. Standard error stays where it is the journal.
func release(status *os.File) error {
	if err := os.Chdir("/"); err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	last := 2
	if stderrIsJournal() {
		last = 1
	}
	for fd := 0; fd <= last; fd++ {
		if err := unix.Dup3(int(null.Fd()), fd, 0); err != nil {
			return fmt.Errorf("redirecting descriptor %d: %w", fd, err)
		}
	}
	_, err = status.Write([]byte{0})
	return errors.Join(err, status.Close())
}
