package soak

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/integration/internal/client"
	"github.com/aiofs/aiofs/ioctx/iocb"
)

// The slots of a context.
const (
	dataSlot   = iota
	ownSlot    // the worker's own file
	pipeSlot   // nothing comes out of it
	directSlot // data, with O_DIRECT
	noSlot
)

// A place is a piece of memory and of the own file. A request has one for itself.
const (
	placesEach = 32
	placeSize  = 5 * 4096
	jobMost    = 4 * 4096 // bytes
)

// A job is a request and what must become of it.
type job struct {
	client.Op
	place     int
	from      int64 // of the pattern: what it reads or writes
	cancelled bool  // it was told to stop
}

// An extent is a piece of the pattern that lies at a place of the own file.
type extent struct {
	from int64
	n    int
}

// parks says whether it does not end by itself.
func (j *job) parks() bool { return j.Slot == pipeSlot }

// submits makes a request up that is about to be submitted.
func (l *life) submits() (client.Op, error) {
	place := l.places[0]
	l.places = l.places[1:]
	j := &job{Op: client.Op{Tag: l.next(), N: 1 + l.rng.IntN(jobMost), At: place * placeSize, Slot: ownSlot}, place: place}
	l.choose(j)
	if l.lane != "text" && j.Slot != directSlot && l.rng.IntN(3) == 0 {
		switch j.Cmd {
		case iocb.CmdPread:
			j.Cmd = iocb.CmdPreadv
		case iocb.CmdPwrite:
			j.Cmd = iocb.CmdPwritev
		}
	}
	l.jobs[j.Tag] = j
	if j.parks() {
		l.parked++
	}
	if j.writes() {
		delete(l.held, place)
		return j.Op, l.Fill(j.Op, client.Pattern(j.from, j.N))
	}
	return j.Op, nil
}

func (l *life) next() uint64 {
	l.tag++
	return l.tag
}

// noop is a request for itself.
func (l *life) noop() client.Op {
	j := &job{Op: client.Op{Tag: l.next(), Cmd: iocb.CmdNoop}, place: -1}
	l.jobs[j.Tag] = j
	return j.Op
}

// choose makes j one of all there are.
func (l *life) choose(j *job) {
	held, isHeld := l.held[j.place]
	switch n := l.rng.IntN(20); {
	case n == 0:
		j.Cmd = []iocb.Cmd{iocb.CmdFsync, iocb.CmdFdsync}[l.rng.IntN(2)]
	case n == 1:
		j.Cmd = iocb.CmdNoop
	case n == 2:
		j.Cmd, j.N = iocb.CmdPoll, unix.POLLIN|unix.POLLOUT
	case n == 3 && l.parked < l.depth/4:
		j.Cmd, j.Slot, j.N = iocb.CmdPoll, pipeSlot, unix.POLLIN
	case n == 4 && l.parked < l.depth/4:
		j.Cmd, j.Slot = iocb.CmdPread, pipeSlot
	case n == 5 && l.lane == "shared": // elsewhere it would be refused by the write
		j.Cmd, j.Slot = iocb.CmdPread, noSlot
	case n < 10 || l.calm:
		j.Cmd, j.Off, j.from = iocb.CmdPwrite, int64(j.place*placeSize), l.rng.Int64N(client.PatternSize-jobMost)
	case n < 14 && isHeld:
		skip := l.rng.IntN(held.n)
		j.Cmd, j.Off, j.from, j.N = iocb.CmdPread, int64(j.place*placeSize+skip), held.from+int64(skip), held.n-skip
	case n < 16 && l.direct:
		j.Cmd, j.Slot, j.Off, j.N = iocb.CmdPread, directSlot, l.rng.Int64N(dataSize)&^4095, jobMost
		j.from = j.Off
	default:
		j.Cmd, j.Slot, j.Off = iocb.CmdPread, dataSlot, l.rng.Int64N(dataSize)
		j.from = j.Off
	}
}

func (j *job) writes() bool { return j.Cmd == iocb.CmdPwrite || j.Cmd == iocb.CmdPwritev }
func (j *job) reads() bool  { return j.Cmd == iocb.CmdPread || j.Cmd == iocb.CmdPreadv }

// want is the result of a job that is not cancelled.
func (j *job) want() int {
	switch {
	case j.Slot == noSlot:
		return -int(syscall.EBADF)
	case j.reads() && j.Slot != ownSlot:
		return min(j.N, dataSize-int(j.Off))
	case j.reads(), j.writes(), j.Cmd == iocb.CmdPoll:
		return j.N
	}
	return 0
}

// look compares an event, and the bytes that came with it, with what must become of the request.
func (l *life) look(o client.Op, res int64) error {
	j := l.jobs[o.Tag]
	delete(l.jobs, o.Tag)
	if j.place >= 0 {
		l.places = append(l.places, j.place)
	}
	if j.parks() {
		l.parked--
	}
	l.counts["events"]++
	switch {
	case (j.cancelled || l.dying) && res == -int64(syscall.ECANCELED):
		l.counts["cancelled"]++
		return nil
	case j.parks():
		return errors.New("nothing ends it but a cancel")
	case res != int64(j.want()):
		return fmt.Errorf("want %d", j.want())
	case res < 0:
	case j.writes():
		l.held[j.place] = extent{j.from, j.N}
		l.counts["bytes written"] += res
	case j.reads():
		l.counts["bytes read"] += res
		return l.Brought(o, client.Pattern(j.from, int(res)))
	}
	return nil
}
