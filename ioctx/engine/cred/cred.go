// Package cred is whose rights a thread of this process has: the credentials that I/O for a user is done with.
//
// Linux keeps credentials for each thread, and so do the calls here: they change the calling thread alone, which its goroutine has
// locked (runtime.LockOSThread). What is changed are the file-system uid and gid, the supplementary groups and the effective
// capabilities: all that the kernel looks at when a thread opens, reads or writes a file. The real, effective and saved uid
// stay the daemon's, or else the user could send signals to the thread. setfsuid(2) alone would leave CAP_SYS_ADMIN and CAP_SYS_NICE
// effective, and with them a file system's reserved blocks and the real-time I/O class.
package cred

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Cred are credentials. None of it changes once it is in use.
type Cred struct {
	UID, GID uint32   // file-system uid and gid
	Groups   []uint32 // supplementary groups
	Caps     uint64   // effective capabilities, bit n being capability n
}

// Equal says whether both have the same rights; nil is nobody's but nil's.
func (c *Cred) Equal(d *Cred) bool {
	if c == nil || d == nil {
		return c == d
	}
	return c.UID == d.UID && c.GID == d.GID && c.Caps == d.Caps && slices.Equal(c.Groups, d.Groups)
}

// Has says whether a capability is effective.
func (c *Cred) Has(capability uint) bool { return c.Caps>>capability&1 != 0 }

// own is the daemon as it was when it was first asked for.
type own struct {
	Cred
	permitted uint64
	err       error
}

var self = sync.OnceValue(func() *own {
	o := &own{Cred: Cred{UID: uint32(unix.Geteuid()), GID: uint32(unix.Getegid())}}
	var groups []int
	if groups, o.err = unix.Getgroups(); o.err != nil {
		return o
	}
	for _, g := range groups {
		o.Groups = append(o.Groups, uint32(g))
	}
	slices.Sort(o.Groups)
	var data [2]unix.CapUserData
	if o.err = unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); o.err != nil {
		return o
	}
	o.Caps = uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
	o.permitted = uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
	return o
})

// Own are the daemon's own credentials, as they were at the first call of this package.
func Own() *Cred { return &self().Cred }

// Permitted are the capabilities that the daemon may make effective, and so the most that it can give to anyone.
func Permitted() uint64 { return self().permitted }

// Switchable says whether this process may take the credentials of others: with CAP_SETUID and CAP_SETGID.
func Switchable() bool {
	const needed = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
	return self().permitted&needed == needed
}
