package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/fsnode"
	"github.com/aiofs/aiofs/ioctx"
	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
)

// maxLeftLogged bounds how many requests the log names that outlived the grace period.
const maxLeftLogged = 20

// interruptLimit is how long a signal waits for a mount that is just being made.
const interruptLimit = time.Second

// goneLimit is how long an unmounted file system is waited for. It lives on where a mount namespace that was made meanwhile has a copy.
const goneLimit = time.Second

// A daemon is one mount, from its mounting to its end.
type daemon struct {
	log     *slog.Logger
	grace   time.Duration
	table   *ioctx.Table
	pool    *threads.Pool
	engine  engine.Engine
	server  *fsnode.Server
	dir     string // where it is mounted
	dev     uint64 // st_dev of the mount
	signals chan os.Signal
}

// serve mounts and returns when the mount has come to its end. status is told when the mount answers; nil in the foreground.
func serve(c config, status *os.File) error {
	d := &daemon{log: newLog(c.debug, status != nil), grace: c.grace, signals: make(chan os.Signal, 2)}
	raiseLimits(d.log)
	addProcessors()
	signal.Notify(d.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	mounted := make(chan error, 1)
	go func() { mounted <- d.mount(c) }()
	select {
	case err := <-mounted:
		if err != nil || c.fake {
			return err
		}
	case s := <-d.signals:
		d.interrupted(mounted)
		return failf(exitInterrupt, "ended by a signal (%v) before the mount was there", s)
	}
	d.log.Info("mounted", "on", d.dir)
	notifyReady(d.log, d.dir, d.engine.Name())
	if status != nil {
		if err := release(status); err != nil {
			d.log.Warn("who started this may wait in vain", "error", err)
		}
	}
	return d.untilEnd()
}

// addProcessors makes up for goroutines that hold one of the Go scheduler's processors while they wait in the kernel, for a FUSE
// request or in io_uring_enter: else its monitor wakes up every 20 us to take those away. GOMAXPROCS in the environment has
// the last word.
func addProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	}
}

// interrupted ends a mount that is just being made. Where that hangs, what hangs goes with the process.
func (d *daemon) interrupted(mounted <-chan error) {
	select {
	case err := <-mounted:
		if err == nil && d.server != nil {
			d.end()
		}
	case <-time.After(interruptLimit):
	}
}

// mount makes the table and mounts it; with the option fake, it only looks whether it could.
func (d *daemon) mount(c config) error {
	dir, err := prepareMountpoint(c.mountpoint, d.log)
	if err == nil && c.allowOther {
		err = mayAllowOther(os.Geteuid(), fuseConf)
	}
	if err != nil || c.fake {
		return err
	}
	d.dir = dir
	d.pool = threads.NewPool()
	if d.engine, err = chooseEngine(c.engine, d.pool, d.log); err != nil {
		return err
	}
	d.table = ioctx.NewTable(tableConfig(c, d))
	d.server, err = fsnode.Mount(dir, d.table, fsnode.Options{
		AllowOther: c.allowOther, FsName: cmp.Or(c.fsName, c.source, "aiofs"), Extra: c.extra, Debug: c.debug, Log: d.log,
	})
	if err != nil {
		return failf(exitMount, "%w", err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err == nil { // else it has been unmounted already
		d.dev = st.Dev
	}
	return nil
}

// untilEnd waits for a signal or an umount and then ends the mount, which a second signal cuts short.
func (d *daemon) untilEnd() error {
	select {
	case s := <-d.signals:
		d.log.Info("ending", "signal", s.String())
	case <-d.server.Done():
		d.log.Info("ending", "reason", "unmounted from outside")
	}
	notifyStopping(d.log, d.grace)
	ended := make(chan struct{})
	go func() {
		d.end()
		close(ended)
	}()
	select {
	case <-ended:
		d.log.Info("ended")
		return nil
	case <-d.signals:
		_ = d.server.Detach() // it may be detached already, or gone
		d.abort()
		return failf(exitSystem, "ended at once by a second signal")
	}
}

// end unmounts, so that nobody comes in any more, kills every context, and waits for their I/O up to grace. What a program still
// has open goes with the daemon.
func (d *daemon) end() {
	d.unmount()
	ctx, cancel := context.WithTimeout(context.Background(), d.grace)
	defer cancel()
	left := d.table.ExitAll(ctx)
	for i, line := range left {
		if i == maxLeftLogged {
			d.log.Warn("left in flight", "more", len(left)-i)
			break
		}
		d.log.Warn("left in flight", "request", strings.TrimSuffix(line, "\n"))
	}
	if len(left) > 0 {
		d.abort()
		return // an engine is not closed over requests in flight; the end of the process closes it
	}
	if stuck := d.engine.Close() + d.pool.Close(); stuck > 0 {
		d.log.Warn("left hanging in the kernel", "threads", stuck)
		d.abort()
	}
}

// abort lets go of whoever still waits for a mount that is to end with threads that cannot.
func (d *daemon) abort() {
	select {
	case <-d.server.Done():
		return // nobody can be there any more
	default:
	}
	if err := abortConnection(d.dev); err != nil {
		d.log.Warn("the mount's users may hang until what was left has ended", "error", err)
	}
}

// unmount lets go of the mount: at once if nothing there is open, else lazily.
func (d *daemon) unmount() {
	select {
	case <-d.server.Done():
		return
	default:
	}
	err := d.server.Unmount()
	if err == nil {
		select {
		case <-d.server.Done():
		case <-time.After(goneLimit):
			d.log.Info("the mount is gone from here, but not from every mount namespace")
		}
		return
	}
	if errors.Is(err, syscall.EBUSY) {
		d.log.Info("the mount is in use: detaching it")
		d.logHolders()
	} else {
		d.log.Warn("unmounting failed: detaching it", "error", err)
	}
	if err := d.server.Detach(); err != nil {
		d.log.Warn("detaching failed", "error", err)
	}
}

// logHolders says who keeps the mount busy.
func (d *daemon) logHolders() {
	found := holders(d.dev)
	if len(found) == 0 {
		d.log.Info("in use", "by", "nobody that can be seen from here: another mount below it, or a process of another user")
	}
	for i, who := range found {
		if i == maxHoldersLogged {
			d.log.Info("in use", "more", len(found)-i)
			break
		}
		d.log.Info("in use", "by", who)
	}
}

// raiseLimits raises the limits on open files and on the size of files to their hard limits: the daemon opens files for
// everybody, and setrlimit(2) of its starter is not meant for them.
func raiseLimits(log *slog.Logger) {
	for _, resource := range []int{syscall.RLIMIT_NOFILE, syscall.RLIMIT_FSIZE} {
		var lim syscall.Rlimit
		err := syscall.Getrlimit(resource, &lim)
		if err == nil && lim.Cur != lim.Max {
			lim.Cur = lim.Max
			err = syscall.Setrlimit(resource, &lim)
		}
		if err != nil {
			log.Warn("raising a resource limit failed", "resource", resource, "error", err)
		}
	}
}
