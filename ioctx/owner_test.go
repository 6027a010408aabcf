package ioctx

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/cred"
)

func TestStatusOfThisThread(t *testing.T) {
	s, err := readStatus(self.TID)
	if err != nil {
		t.Fatal(err)
	}
	umask := unix.Umask(0)
	unix.Umask(umask)
	want := [4]uint32{uint32(unix.Getuid()), uint32(unix.Geteuid())}
	if s.tgid != os.Getpid() || s.umask != uint32(umask) || s.uids[0] != want[0] || s.uids[1] != want[1] || s.effective != cred.Own().Caps {
		t.Errorf("%+v", s)
	}
	if _, err := readStatus(0); err == nil {
		t.Error("nobody has a status")
	}
}

func TestStatusWithHoles(t *testing.T) {
	for _, text := range [][]string{{"Uid", "1", "2", "3"}, {"Umask"}, {"Gid", "1", "2", "x", "4"}, {"CapEff", "g"}, {"Groups", "1", "-"}} {
		if err := new(status).set(text[0], text[1:]); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestOwnerOf(t *testing.T) {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	me, err := OwnerOf(Caller{TID: self.TID, UID: uid, GID: gid})
	if err != nil || me.UID != uid || me.GID != gid || me.Cred != nil {
		t.Errorf("the daemon's own process: %+v, %v", me, err)
	}
	if !cred.Switchable() {
		return
	}
	// Who cannot be seen, and who is not what the kernel says, has nothing but uid and gid.
	for _, w := range []Caller{{UID: uid, GID: gid}, {TID: self.TID, UID: 1234, GID: 1234}, {TID: self.TID, UID: uid, GID: 1234}} {
		o, err := OwnerOf(w)
		if want := (&cred.Cred{UID: w.UID, GID: w.GID}); err != nil || !o.Cred.Equal(want) || o.Caps != 0 || o.realTime() {
			t.Errorf("%+v: %+v with %+v", w, o, o.Cred)
		}
	}
}

func TestGroupsOfAnOwner(t *testing.T) {
	s := &status{gids: [4]uint32{1, 2, 3, 4}, groups: []uint32{9, 4, 1, 9}}
	if got := s.otherGroups(); !slices.Equal(got, []uint32{1, 9}) {
		t.Error("groups: ", fmt.Sprint(got))
	}
}
