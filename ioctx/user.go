package ioctx

import (
	"sync/atomic"
	"syscall"
)

// user is what all contexts of one uid have together, and its share of what all users have.
type user struct {
	contexts int    // guarded by Table.mu; not freed yet
	aioNr    uint64 // guarded by Table.mu; events reserved by them
	memory   budget // bytes of their buf, out and copies of callers' memory, part of Table.memory
	files    quota  // open files in slots and of requests in flight, an open that has not ended yet among them
}

// quota bounds a number.
type quota struct {
	max  int64 // 0: no bound
	used atomic.Int64
}

// take takes one; EMFILE where there is none.
func (q *quota) take() error {
	if n := q.used.Add(1); q.max > 0 && n > q.max {
		q.used.Add(-1)
		return syscall.EMFILE
	}
	return nil
}

func (q *quota) release() {
	if q.used.Add(-1) < 0 {
		panic("ioctx: more files closed than opened")
	}
}

// minContexts is how many contexts every uid may have; more in proportion to its open files, since each that is used needs some
// descriptors of the daemon.
const (
	minContexts     = 16
	filesPerContext = 8
)

// maxContexts is how many contexts one uid may have; 0: no bound.
func (c *Config) maxContexts() int {
	if c.UserMaxFiles == 0 {
		return 0
	}
	return int(max(minContexts, c.UserMaxFiles/filesPerContext))
}

// userOf finds or makes the user of a uid; the caller holds mu. It is forgotten when it has nothing left.
func (t *Table) userOf(uid uint32) *user {
	u := t.users[uid]
	if u == nil {
		u = &user{}
		u.memory.max, u.memory.of = t.cfg.UserMaxBuf, &t.memory
		u.files.max = t.cfg.UserMaxFiles
		t.users[uid] = u
	}
	return u
}

// forgetUser drops the user of a uid if it has nothing left; the caller holds mu. What memory clients still map, or files that are
// still being closed, keep it until the next context of that uid is freed.
func (t *Table) forgetUser(uid uint32) {
	u := t.users[uid]
	if u != nil && u.contexts == 0 && u.memory.used.Load() == 0 && u.files.used.Load() == 0 {
		delete(t.users, uid)
	}
}
