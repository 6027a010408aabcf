package threads

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/cred"
	"github.com/aiofs/aiofs/ioctx/engine/enginetest"
)

// asOn runs do on a thread of the pool, one after another, with credentials, and waits until the thread has had its task.
func asOn(p *Pool, c *cred.Cred, do func(*Thread), fail func(error)) {
	done := make(chan struct{})
	p.Go(&Task{
		Cred: c, Share: "s",
		Run:  func(th *Thread) { do(th); close(done) },
		Fail: func(err error) { fail(err); close(done) },
	})
	<-done
}

// readable says whether the calling thread may open a file that is root's alone.
func readable(t *testing.T, path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil && err != unix.EACCES {
		t.Error(err)
	}
	if err == nil {
		unix.Close(fd)
	}
	return err == nil
}

// Each task has its own credentials, whoever had the thread before, and keeps them in another root.
func TestTaskHasItsCredentials(t *testing.T) {
	enginetest.NeedsUsers(t)
	p := newPool(2, 2, 2)
	defer p.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for d := filepath.Dir(secret); d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	user := &cred.Cred{UID: 1234, GID: 1234}
	root := opath(t, filepath.Dir(secret))
	fail := func(err error) { t.Error(err) }
	for _, c := range []*cred.Cred{nil, user, {UID: 1234, GID: 1234}, nil, {UID: 65534, GID: 65534}, user, nil} {
		asOn(p, c, func(th *Thread) {
			if got := readable(t, secret); got != (c == nil) {
				t.Errorf("with %+v readable: %v", c, got)
			}
			if err := th.At(root, root); err != nil {
				t.Error(err)
			}
			if got := readable(t, "/secret"); got != (c == nil) {
				t.Errorf("in another root with %+v readable: %v", c, got)
			}
		}, fail)
	}
}

// A task whose credentials cannot be had fails, and the thread is the daemon's again.
func TestTaskWithoutItsCredentials(t *testing.T) {
	enginetest.NeedsUsers(t)
	p := newPool(2, 2, 2)
	defer p.Close()
	var failed error
	asOn(p, &cred.Cred{UID: 1234, Groups: make([]uint32, 1<<17)}, func(*Thread) { t.Error("it ran") }, func(err error) { failed = err })
	if failed == nil {
		t.Error("it did not fail")
	}
	asOn(p, nil, func(*Thread) {
		if is, err := unix.SetfsuidRetUid(-1); err != nil || is != os.Geteuid() {
			t.Errorf("the next task has fsuid %d, %v", is, err)
		}
	}, func(err error) { t.Error(err) })
}
