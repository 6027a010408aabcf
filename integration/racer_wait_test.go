package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// wait does what may wait until the context is killed, and so only in mortal ones: it writes more than there are slots, or reads.
func (r *racer) wait() error {
	if rand.N(2) == 0 {
		return r.submitTo(pick(mortal), 40, 0)
	}
	return r.reapFrom(pick(mortal), 0)
}

// own makes a context through new. It lives until the last descriptor on it is closed, so every event must come, once; or the
// close comes while requests are in flight.
func (r *racer) own() error {
	alive, err := os.Open(filepath.Join(r.ctx, "new"))
	if err != nil {
		return err
	}
	defer alive.Close()
	number := make([]byte, 32)
	n, err := alive.Read(number)
	if err != nil {
		return err
	}
	dir := filepath.Join(r.ctx, strings.TrimSpace(string(number[:n])))
	submit, err := syscall.Open(filepath.Join(dir, "submit"), syscall.O_WRONLY, 0)
	if err != nil {
		return ownErr("opening submit", err)
	}
	defer syscall.Close(submit)
	lines, tags := r.requests(1 + rand.N(ownSlots))
	if n, err := write(submit, lines); err != nil || n != len(lines) {
		return ownErr(fmt.Sprintf("%d requests of %d accepted", n, len(lines)), err)
	}
	if rand.N(3) == 0 {
		return nil
	}
	if err := writeFile(filepath.Join(dir, "cancel"), "all\n"); err != nil {
		return ownErr("cancel", err)
	}
	return reapAll(filepath.Join(dir, "events_raw"), tags)
}

// ownSlots is nr_events of a new context in the race.
const ownSlots = 16

// reapAll reads events until each tag has come.
func reapAll(path string, tags []uint64) error {
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		return ownErr("opening events_raw", err)
	}
	defer syscall.Close(fd)
	left := map[uint64]bool{}
	for _, tag := range tags {
		left[tag] = true
	}
	for len(left) > 0 {
		got, err := readTags(fd)
		if err != nil || len(got) == 0 {
			return ownErr(fmt.Sprintf("%d events still to come", len(left)), err)
		}
		for _, tag := range got {
			if !left[tag] {
				return fmt.Errorf("an event of %d, which was not in flight", tag)
			}
			delete(left, tag)
		}
	}
	return nil
}

// ownErr is an error in a context that nobody else may kill: none of what a race with a kill may end in is excused, unless the mount is
// taken away.
func ownErr(what string, err error) error {
	if os.Getenv(mayUnmountEnv) != "" {
		return err
	}
	return fmt.Errorf("in a context of its own: %s: %v", what, err)
}

// mayUnmountEnv is set where the mount is going to be taken away from the racer.
const mayUnmountEnv = "AIOFS_TEST_MAY_UNMOUNT"
