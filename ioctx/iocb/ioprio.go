package iocb

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// An I/O priority is a class in the upper 3 of 16 bits and a level in the lowest 3 (linux/ioprio.h); the bits between are
// hints, which the kernel passes on unchecked.
const (
	ioprioClassShift = 13
	ioprioLevelMask  = 7

	ioprioNone = 0
	ioprioRT   = 1
	ioprioBE   = 2
	ioprioIdle = 3
)

// checkIoprio is ioprio_check_cap, which io_submit asks for reads and writes only.
func (r *Request) checkIoprio(priv bool) error {
	if !r.HasIoprio {
		return nil
	}
	if r.Ioprio>>ioprioClassShift == ioprioRT && !priv {
		return refuse(unix.EPERM, "I/O class rt needs CAP_SYS_ADMIN or CAP_SYS_NICE")
	}
	return r.checkIoprioValue()
}

// checkIoprioValue is the part of ioprio_check_cap that needs no capability.
func (r *Request) checkIoprioValue() error {
	switch class := r.Ioprio >> ioprioClassShift; {
	case class > ioprioIdle:
		return refuse(unix.EINVAL, "I/O class %d is unknown", class)
	case class == ioprioNone && r.Ioprio&ioprioLevelMask != 0:
		return refuse(unix.EINVAL, "I/O class none has no level")
	}
	return nil
}

var ioprioNames = []name{{"none", ioprioNone}, {"rt", ioprioRT}, {"be", ioprioBE}, {"idle", ioprioIdle}}

// ioprio parses CLASS:LEVEL, CLASS being a word or its number.
func (a arg) ioprio() (uint16, error) {
	class, level, found := bytes.Cut(a.val, []byte{':'})
	c, known := lookup(ioprioNames, class)
	if !known && len(class) == 1 && class[0] >= '0' && class[0] <= '0'+ioprioIdle {
		c, known = int(class[0]-'0'), true
	}
	if !found || !known || len(level) != 1 || level[0] < '0' || level[0] > '0'+ioprioLevelMask {
		return 0, invalid("\"ioprio\" wants CLASS:LEVEL, one of none, rt, be, idle and 0 to 7, got %s", quote(a.val))
	}
	return uint16(c)<<ioprioClassShift | uint16(level[0]-'0'), nil
}
