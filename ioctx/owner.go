package ioctx

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/cred"
)

// Owner is who made a context, and who pays for it.
type Owner struct {
	UID, GID uint32
	Caps     uint64 // effective capabilities in the daemon's user namespace
	// Cred are the credentials that its files are opened, read and written with; nil: the daemon's own.
	Cred *cred.Cred
}

// Caller is who makes one call, by the ids that the kernel made sure of.
type Caller struct {
	// TID is the thread id as this process sees it in /proc; 0: not visible from here.
	TID      int32
	UID, GID uint32 // file-system uid and gid
}

// OwnerOf is w as the owner of what it makes, with the rights that it has now. Of a caller that cannot be seen only uid and gid are
// known: it has no other groups, and no capabilities. Nor has one in another user namespace any here.
//
// A daemon that may not take the credentials of others serves only the user who runs it, with its own. EMFILE, ENFILE and ENOMEM where it
// cannot look at the caller for its own want of something: he would have fewer rights than are his, for good.
func OwnerOf(w Caller) (Owner, error) {
	o := Owner{UID: w.UID, GID: w.GID}
	if !cred.Switchable() {
		return o, nil
	}
	c := &cred.Cred{UID: w.UID, GID: w.GID}
	s, err := readStatus(w.TID)
	if short(err) {
		return o, err
	}
	if err == nil && s.uids[fsID] == w.UID && s.gids[fsID] == w.GID {
		c.Groups = s.otherGroups()
		same, err := sameUserNS(w.TID)
		if short(err) {
			return o, err
		}
		if same {
			o.Caps = s.effective
			c.Caps = s.effective & cred.Permitted() // the daemon cannot give more
		}
	}
	if !c.Equal(cred.Own()) {
		o.Cred = c
	}
	return o, nil
}

// otherGroups are the supplementary groups that gid does not say already, in order.
func (s *status) otherGroups() []uint32 {
	slices.Sort(s.groups)
	groups := slices.Compact(s.groups)
	return slices.DeleteFunc(groups, func(g uint32) bool { return g == s.gids[fsID] })
}

// held are the capabilities that the owner has; the daemon's own, if it is for itself, are among them.
func (o Owner) held() uint64 {
	if o.Cred == nil {
		return o.Caps | cred.Own().Caps
	}
	return o.Caps
}

// realTime says whether the owner may ask for the real-time I/O class: ioprio_check_cap.
func (o Owner) realTime() bool {
	const either = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_SYS_NICE
	if o.Cred == nil {
		return cred.Own().Caps&either != 0
	}
	return o.Cred.Caps&either != 0
}
