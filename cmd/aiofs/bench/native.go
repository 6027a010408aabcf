package bench

import (
	"errors"

	"github.com/aiofs/aiofs/ioctx/iocb"
)

// nativePath is a context of a mount that is given iocbs as they were made for io_submit: a descriptor and addresses of this process.
// Everything else is as in filesPath.
type nativePath struct {
	filesPath
	mem memory
}

func openNative(s *setup) (path, error) {
	n := &nativePath{filesPath: filesPath{setup: s, held: -1, sub: -1, events: -1, raw: make([]byte, s.Depth*eventSize)}}
	if err := n.open(); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return newQueued(s, n), nil
}

func (n *nativePath) open() (err error) {
	if n.mem, err = newMemory(n.Depth * n.Block); err != nil {
		return err
	}
	_, err = n.context()
	return err
}

func (n *nativePath) blocks() blocks { return n.mem }

func (n *nativePath) submit(slots []int, offs []int64) (int, error) {
	return n.write(iocb.Iocb{Fildes: uint32(n.file.Fd()), Buf: n.mem.address()}, slots, offs)
}

func (n *nativePath) close() error {
	err := n.filesPath.close()
	if n.mem != nil {
		err = errors.Join(err, n.mem.close())
	}
	return err
}
