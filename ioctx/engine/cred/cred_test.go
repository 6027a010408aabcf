package cred_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/cred"
	"github.com/aiofs/aiofs/ioctx/engine/enginetest"
	"github.com/aiofs/aiofs/ioctx/engine/osthread"
)

// onThread runs do on a thread that ends with it.
func onThread(do func()) {
	done := make(chan struct{})
	osthread.Go(func() {
		defer close(done)
		do()
	})
	<-done
}

// rights are what /proc says of the calling thread.
func rights(t *testing.T) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", unix.Gettid()))
	if err != nil {
		t.Error(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		for _, name := range []string{"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:"} {
			if strings.HasPrefix(line, name) {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func TestTake(t *testing.T) {
	enginetest.NeedsUsers(t)
	onThread(func() {
		before := rights(t)
		for _, c := range []*cred.Cred{
			{UID: 1234, GID: 2345, Groups: []uint32{7, 8}},
			{UID: 65534, GID: 65534, Caps: 1 << unix.CAP_CHOWN},
			{UID: 0, GID: 0},
		} {
			if err := cred.Take(c); err != nil {
				t.Error(err)
				return
			}
			got := rights(t)
			for _, want := range []string{
				fmt.Sprintf("Uid: 0 0 0 %d\n", c.UID), fmt.Sprintf("Gid: 0 0 0 %d\n", c.GID),
				strings.TrimSuffix("Groups: "+strings.Trim(fmt.Sprint(c.Groups), "[]"), " ") + "\n", fmt.Sprintf("CapEff: %016x", c.Caps),
			} {
				if !strings.Contains(got+"\n", want) {
					t.Errorf("with %+v no %q in\n%s", *c, want, got)
				}
			}
		}
		if err := cred.Take(nil); err != nil || rights(t) != before {
			t.Errorf("given back: %v,\n%s\nwant\n%s", err, rights(t), before)
		}
	})
}

// Only the calling thread changes.
func TestOtherThreadsKeepTheirs(t *testing.T) {
	enginetest.NeedsUsers(t)
	onThread(func() {
		before := rights(t)
		onThread(func() {
			if err := cred.Take(&cred.Cred{UID: 1234, GID: 1234}); err != nil {
				t.Error(err)
			}
		})
		if got := rights(t); got != before {
			t.Errorf("of another thread:\n%s\nwant\n%s", got, before)
		}
	})
}

// A part that cannot be had is an error, and what was there before can be had again.
func TestTakeWhatCannotBeHad(t *testing.T) {
	enginetest.NeedsUsers(t)
	onThread(func() {
		before := rights(t)
		const most = 65536 // NGROUPS_MAX
		if err := cred.Take(&cred.Cred{UID: 1234, Groups: make([]uint32, most+1)}); err == nil {
			t.Error("more groups than there can be were taken")
		}
		if missing := ^cred.Permitted() & (1<<unix.CAP_LAST_CAP - 1); missing != 0 {
			if err := cred.Take(&cred.Cred{UID: 1234, Caps: missing}); err == nil {
				t.Error("capabilities that the process has not were taken")
			}
		}
		if err := cred.Take(nil); err != nil || rights(t) != before {
			t.Errorf("given back: %v,\n%s\nwant\n%s", err, rights(t), before)
		}
	})
}

func TestEqual(t *testing.T) {
	c := cred.Cred{UID: 1, GID: 2, Groups: []uint32{3}, Caps: 4}
	for i, d := range []cred.Cred{{2, 2, c.Groups, 4}, {1, 1, c.Groups, 4}, {1, 2, nil, 4}, {1, 2, c.Groups, 5}} {
		if c.Equal(&d) {
			t.Errorf("%d: %+v equals %+v", i, c, d)
		}
	}
	same := cred.Cred{UID: 1, GID: 2, Groups: slices.Clone(c.Groups), Caps: 4}
	if none := (*cred.Cred)(nil); !c.Equal(&same) || none.Equal(&c) || c.Equal(nil) || !none.Equal(nil) {
		t.Error("equal ones differ, or one equals none")
	}
}
