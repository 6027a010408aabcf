package cred

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Take gives the calling thread the rights of c; nil: the daemon's own. It starts from whatever rights it has now. EPERM where this
// process may not do that. After an error the thread has parts of both, and must not touch a file until Take(nil) succeeded.
func Take(c *Cred) error {
	o := self()
	if o.err != nil {
		return o.err
	}
	if c == nil {
		c = &o.Cred
	}
	// Everything that is permitted, since the steps need some of it; setfsuid(2) takes some away again and gives some back.
	if err := setCaps(o.permitted, o.permitted); err != nil {
		return err
	}
	if err := setIDs(c); err != nil {
		return err
	}
	return setCaps(o.permitted, c.Caps)
}

// setIDs asks after each step what became of it: setfsuid(2) and setfsgid(2) report no errors.
func setIDs(c *Cred) error {
	groups := make([]int, len(c.Groups))
	for i, g := range c.Groups {
		groups[i] = int(g)
	}
	if err := unix.Setgroups(groups); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := setFS(unix.SetfsgidRetGid, c.GID); err != nil {
		return fmt.Errorf("setfsgid %d: %w", c.GID, err)
	}
	if err := setFS(unix.SetfsuidRetUid, c.UID); err != nil {
		return fmt.Errorf("setfsuid %d: %w", c.UID, err)
	}
	return nil
}

// setFS sets an id, and then an impossible one, which only tells what the id is.
func setFS(set func(int) (int, error), id uint32) error {
	if _, err := set(int(id)); err != nil {
		return err
	}
	is, err := set(-1)
	if err == nil && uint32(is) != id {
		err = unix.EPERM
	}
	return err
}

func setCaps(permitted, effective uint64) error {
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(permitted)},
		{Effective: uint32(effective >> 32), Permitted: uint32(permitted >> 32)},
	}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}
