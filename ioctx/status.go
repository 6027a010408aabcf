package ioctx

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// status is what /proc/TID/status says of a thread: proc_pid_status(5). Ids are those of the daemon's user namespace.
type status struct {
	tgid       int
	umask      uint32
	uids, gids [4]uint32 // real, effective, saved, file system
	groups     []uint32
	permitted  uint64 // capabilities, in the thread's own user namespace
	effective  uint64
}

// Indices of status.uids and status.gids.
const fsID = 3

func readStatus(tid int32) (*status, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return nil, err
	}
	s := &status{}
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(string(line), ":")
		if err := s.set(name, strings.Fields(value)); err != nil {
			return nil, fmt.Errorf("/proc/%d/status: %s: %w", tid, name, err)
		}
	}
	return s, nil
}

func (s *status) set(name string, words []string) (err error) {
	switch name {
	case "Tgid":
		return parse(words, 10, &s.tgid)
	case "Umask":
		return parse(words, 8, &s.umask)
	case "Uid":
		return parse(words, 10, &s.uids[0], &s.uids[1], &s.uids[2], &s.uids[3])
	case "Gid":
		return parse(words, 10, &s.gids[0], &s.gids[1], &s.gids[2], &s.gids[3])
	case "Groups":
		for i := range words {
			var g uint32
			if err := parse(words[i:], 10, &g); err != nil {
				return err
			}
			s.groups = append(s.groups, g)
		}
	case "CapPrm":
		return parse(words, 16, &s.permitted)
	case "CapEff":
		return parse(words, 16, &s.effective)
	}
	return nil
}

// parse reads a number from each word that there is a place for.
func parse[T int | uint32 | uint64](words []string, base int, to ...*T) error {
	if len(words) < len(to) {
		return unix.ENODATA
	}
	for i, p := range to {
		n, err := strconv.ParseUint(words[i], base, 64)
		if err != nil {
			return err
		}
		*p = T(n)
	}
	return nil
}

// short says whether err is that this process is short of descriptors or memory. A look at a caller that fails so says nothing of him.
func short(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// sameUserNS says whether a thread is in the daemon's user namespace. Capabilities in another one are nothing here. A thread that may not
// be looked at is in another.
func sameUserNS(tid int32) (bool, error) {
	own, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		return false, err
	}
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", tid))
	if short(err) {
		return false, err
	}
	return err == nil && theirs == own, nil
}
