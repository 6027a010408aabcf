package engine

// Apart makes one engine of two: blocking, which waits for a file in a system call, reads and writes what may hang, and e does everything
// else. The engine has e's name; closing it closes both.
//
// io_uring goes on by itself where a read or write of a regular file moves fewer bytes than it was asked to, at the position that the
// file system has left in the request. FUSE leaves it where it was for files that it serves with FOPEN_DIRECT_IO (fuse_direct_IO in
// fs/fuse/file.c): a short read would bring its first bytes once more and be called complete, a short write put its last bytes over its
// first. Which files those are nobody tells. A system call comes back with what it moved.
func Apart(e, blocking Engine) Engine { return &apart{e, blocking} }

type apart struct {
	Engine
	blocking Engine
}

func (a *apart) NewQueue(depth int, c Client) (Queue, error) {
	main, err := a.Engine.NewQueue(depth, c)
	if err != nil {
		return nil, err
	}
	blocking, err := a.blocking.NewQueue(depth, c)
	if err != nil {
		main.Close()
		return nil, err
	}
	q := &apartQueue{main, blocking}
	if p, ok := main.(Poller); ok {
		return struct {
			*apartQueue
			Poller
		}{q, p}, nil
	}
	return q, nil
}

func (a *apart) Close() (stuck int) { return a.blocking.Close() + a.Engine.Close() }

type apartQueue struct{ main, blocking Queue }

func (q *apartQueue) Submit(batch []*Request) {
	main, blocking := part(batch)
	if len(blocking) > 0 {
		q.blocking.Submit(blocking)
	}
	if len(main) > 0 {
		q.main.Submit(main)
	}
}

func (q *apartQueue) Cancel(batch []*Request) {
	main, blocking := part(batch)
	if len(blocking) > 0 {
		q.blocking.Cancel(blocking)
	}
	if len(main) > 0 {
		q.main.Cancel(main)
	}
}

func (q *apartQueue) Close() {
	q.blocking.Close()
	q.main.Close()
}

// part puts what is not to block before what is. The order of requests means nothing.
func part(batch []*Request) (main, blocking []*Request) {
	n := 0
	for i, r := range batch {
		if r.Class != ClassHang || r.Op != OpRead && r.Op != OpWrite {
			batch[n], batch[i] = r, batch[n]
			n++
		}
	}
	return batch[:n], batch[n:]
}
