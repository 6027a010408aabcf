package threads

import "golang.org/x/sys/unix"

const (
	// pollMask are the bits that poll(2) knows. Those of epoll above them are ours to use.
	pollMask = 0xffff
	// pollImplied are reported without being asked for.
	pollImplied = unix.POLLERR | unix.POLLHUP
	// defaultPollMask is the kernel's DEFAULT_POLLMASK: a file that cannot be polled is ready for these.
	defaultPollMask = unix.POLLIN | unix.POLLOUT | unix.EPOLLRDNORM | unix.EPOLLWRNORM
)

// startPoll begins a poll of a file whose ->poll does not block.
func (o *op) startPoll() {
	events := o.r.Events & pollMask
	switch errno := o.engine.poller.wait(o, events); errno {
	case 0: // the poller has it
	case unix.EPERM:
		o.finish(alwaysReady(events))
	default:
		o.finish(-int64(errno))
	}
}

// alwaysReady is the result for a file that cannot be polled, as of aio_poll: EINVAL for what it never is ready for.
func alwaysReady(events uint32) int64 {
	if revents := events & defaultPollMask; revents != 0 {
		return int64(revents)
	}
	return -int64(unix.EINVAL)
}

// pollBlocking polls a file that may hang in its ->poll, on a thread of its class, so that it holds up no poller.
func (o *op) pollBlocking() {
	events := o.r.Events & pollMask
	fds := [2]unix.PollFd{{Fd: o.r.FD, Events: int16(events)}, {Events: unix.POLLIN}}
	if err := poll(fds[:1], 0); err != nil {
		o.finish(resultOf(0, err))
		return
	}
	if fds[0].Revents == 0 {
		if events&defaultPollMask == 0 && !canPoll(o.r.FD) {
			o.finish(alwaysReady(events))
			return
		}
		if err := o.pollUntilRung(&fds); err != nil {
			o.finish(resultOf(0, err))
			return
		}
	}
	switch revents := uint16(fds[0].Revents); {
	case revents&unix.POLLNVAL != 0:
		o.finish(-int64(unix.EBADF))
	case revents == 0:
		o.finish(-int64(unix.ECANCELED))
	default:
		o.finish(int64(revents))
	}
}

// canPoll is file_can_poll of the kernel, which epoll_ctl(2) tells by EPERM. It may block as the file's ->poll may.
func canPoll(fd int32) bool {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return true // as for nearly all files
	}
	defer unix.Close(epoll)
	return unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{}) != unix.EPERM
}

// pollUntilRung waits until the file is ready or cancel rings.
func (o *op) pollUntilRung(fds *[2]unix.PollFd) error {
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	defer unix.Close(bell)
	if !o.engine.poller.hang(o, bell) {
		return nil // canceled before
	}
	defer o.engine.poller.unhang(o)
	fds[1].Fd = int32(bell)
	return poll(fds[:], -1)
}

// poll is poll(2), which no signal handler's SA_RESTART restarts.
func poll(fds []unix.PollFd, timeout int) error {
	for {
		if _, err := unix.Poll(fds, timeout); err != unix.EINTR {
			return err
		}
	}
}
