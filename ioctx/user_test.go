package ioctx

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// setupAs makes a context of a user's.
func (e *env) setupAs(id, uid uint32) (*Kioctx, error) { return e.Setup(id, Owner{UID: uid, GID: uid}) }

// noUsers waits until nothing of any user is left.
func (e *env) noUsers() {
	e.Helper()
	testenv.Eventually(e.T, "all users are forgotten", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.users) == 0
	})
}

func TestShareOfEvents(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 10, MaxNr: 50, UserMaxNr: 25})
	a, err := e.setupAs(1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "events over the share", a.SetNrEvents(26), syscall.EAGAIN)
	if err := a.SetNrEvents(16); err != nil {
		t.Error(err)
	}
	_, err = e.setupAs(2, 1000)
	wantErrno(t, "a context over the share", err, syscall.EAGAIN)
	for id := range uint32(2) {
		if _, err := e.setupAs(10+id, 2000); err != nil {
			t.Errorf("another user: %v", err)
		}
	}
	_, err = e.setupAs(12, 3000) // 36 of 50 are reserved: this one fits
	if err != nil {
		t.Error(err)
	}
	_, err = e.setupAs(13, 4000)
	wantErrno(t, "a context over aio-max-nr", err, syscall.EAGAIN)
	e.wantNr(46)
	if err := e.Destroy(1); err != nil {
		t.Error(err)
	}
	e.awaitNr(30)
	if _, err := e.setupAs(1, 1000); err != nil {
		t.Errorf("after the end of the first: %v", err)
	}
}

// A user without anything is forgotten, also one who was refused.
func TestUsersAreForgotten(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 10, UserMaxNr: 5})
	_, err := e.setupAs(1, 1000)
	wantErrno(t, "setup", err, syscall.EAGAIN)
	e.noUsers()
	e2 := threadsEnv(t, Config{NrEvents: 10})
	if _, err := e2.setupAs(1, 1000); err != nil {
		t.Fatal(err)
	}
	if err := e2.Destroy(1); err != nil {
		t.Fatal(err)
	}
	e2.noUsers()
}

func TestShareOfContexts(t *testing.T) {
	e := threadsEnv(t, Config{NrEvents: 1, UserMaxFiles: 20 * filesPerContext})
	for id := range uint32(20) {
		if _, err := e.setupAs(id, 1000); err != nil {
			t.Fatalf("context %d: %v", id, err)
		}
	}
	_, err := e.setupAs(20, 1000)
	wantErrno(t, "one too many", err, syscall.EAGAIN)
	if _, err := e.setupAs(20, 2000); err != nil {
		t.Errorf("another user: %v", err)
	}
}

func TestShareOfBytes(t *testing.T) {
	e := threadsEnv(t, Config{MaxBuf: 8 << 20, UserMaxBuf: 3 << 20})
	for id, uid := range []uint32{1000, 1000, 2000} {
		c, err := e.setupAs(uint32(id), uid)
		if err != nil {
			t.Fatal(err)
		}
		wantErrno(t, "a buf beyond the share", c.BufTruncate(4<<20), syscall.ENOSPC)
		err = c.BufTruncate(2 << 20)
		if err == nil {
			_, err = c.BufWriteAt([]byte("x"), 0)
		}
		if id == 1 {
			wantErrno(t, "the second buf", err, syscall.ENOSPC)
		} else if err != nil {
			t.Errorf("%d: %v", id, err)
		}
	}
	e.wantCharged(4 << 20)
	// What the whole has no room for is not charged to the user either.
	c, err := e.setupAs(9, 3000)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.memory.charge(3 << 20); err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "more than is left", c.user.memory.charge(2<<20), syscall.ENOSPC)
	e.memory.uncharge(3 << 20)
	if n := c.user.memory.used.Load(); n != 0 {
		t.Errorf("%d bytes are charged to a user for nothing", n)
	}
}

func TestShareOfFiles(t *testing.T) {
	e := threadsEnv(t, Config{UserMaxFiles: 2})
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := e.setupAs(1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.setupAs(2, 2000)
	if err != nil {
		t.Fatal(err)
	}
	e.openSlot(a, 0, "rdonly", path)
	e.openSlot(a, 1, "rdonly", path)
	f := e.filesWriter(a)
	_, err = f.Write([]byte("open 2 open=rdonly "+path+"\n"), self, nil)
	wantErrno(t, "a file too many", err, syscall.EMFILE)
	e.submit(a, "pread keep=no "+path+"\n")
	if got := e.cat(a); !strings.Contains(got, " EMFILE ") {
		t.Errorf("by path: %s", got)
	}
	e.openSlot(b, 2, "rdonly", path)
	for _, verb := range []string{"close 0\n", "close 1\n"} {
		if _, err := f.Write([]byte(verb), self, nil); err != nil {
			t.Fatal(err)
		}
	}
	testenv.Eventually(t, "the closed files are given back", func() bool { return a.user.files.used.Load() == 0 })
	// A failed open holds nothing.
	_, err = f.Write([]byte("open 3 open=rdonly "+dir+"/none\n"), self, nil)
	wantErrno(t, "no such file", err, syscall.ENOENT)
	if n := a.user.files.used.Load(); n != 0 {
		t.Errorf("a failed open holds %d files", n)
	}
}
