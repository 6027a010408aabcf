package ioctx

import (
	"math/bits"
	"syscall"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// latencyBuckets is how many there are: bucket i has what took less than 2^i microseconds and not less than 2^(i-1), the last one all
// from 2^(latencyBuckets-2), which is 67 seconds, on.
const latencyBuckets = 28

// maxErrno is the highest errno that a request completes with on Linux: EHWPOISON, of asm-generic/errno.h.
const maxErrno = 133

// opClass is what the operations of a class have a common latency for.
type opClass uint8

const (
	classRead opClass = iota
	classWrite
	classSync
	classPoll
	classNoop
	opClasses
)

var opClassNames = [opClasses]string{"read", "write", "sync", "poll", "noop"}

func opClassOf(cmd iocb.Cmd) opClass {
	switch cmd {
	case iocb.CmdPread, iocb.CmdPreadv:
		return classRead
	case iocb.CmdPwrite, iocb.CmdPwritev:
		return classWrite
	case iocb.CmdFsync, iocb.CmdFdsync:
		return classSync
	case iocb.CmdPoll:
		return classPoll
	}
	return classNoop
}

// tally counts requests that have completed. It needs no lock of its own and no atomics: completion holds ctxLock anyway.
type tally struct {
	nsec      [opClasses]uint64                 // time from acceptance to completion, in all
	latency   [opClasses][latencyBuckets]uint64 // requests
	failed    [maxErrno + 1]uint64              // requests, by errno; 0: an errno above maxErrno
	cancelled uint64                            // requests
	bytes     [opClasses]uint64                 // of reads and writes that did not fail
}

// add counts the end of a request that took nsec nanoseconds.
func (t *tally) add(cmd iocb.Cmd, res, nsec int64) {
	class := opClassOf(cmd)
	t.nsec[class] += uint64(nsec)
	t.latency[class][min(bits.Len64(uint64(nsec/1000)), latencyBuckets-1)]++
	switch {
	case res == -int64(syscall.ECANCELED):
		t.cancelled++
	case res < -maxErrno:
		t.failed[0]++
	case res < 0:
		t.failed[-res]++
	case class == classRead || class == classWrite:
		t.bytes[class] += uint64(res)
	}
}

// sum adds what another has counted.
func (t *tally) sum(o *tally) {
	for class := range opClasses {
		t.nsec[class] += o.nsec[class]
		t.bytes[class] += o.bytes[class]
		for i, n := range o.latency[class] {
			t.latency[class][i] += n
		}
	}
	for errno, n := range o.failed {
		t.failed[errno] += n
	}
	t.cancelled += o.cancelled
}

// completedOf is how many requests of a class have completed, failed and cancelled ones among them.
func (t *tally) completedOf(class opClass) (n uint64) {
	for _, in := range t.latency[class] {
		n += in
	}
	return n
}

func (t *tally) completed() (n uint64) {
	for class := range opClasses {
		n += t.completedOf(class)
	}
	return n
}

func (t *tally) allFailed() (n uint64) {
	for _, in := range t.failed {
		n += in
	}
	return n
}
