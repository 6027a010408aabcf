package fsnode

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Options say how to mount. The type in /proc/mounts is fuse.aiofs.
type Options struct {
	AllowOther bool     // let others than the mounter in
	FsName     string   // the source in /proc/mounts; "": aiofs
	Extra      []string // further options of mount(2), or of fusermount3 for a user
	Debug      bool     // log every FUSE message
	Log        *slog.Logger
}

const (
	// maxWrite in bytes bounds one FUSE READ or WRITE; the kernel splits larger ones. It holds 2048 iocbs or 4096 events,
	// by which the cost of the round trip is spread thin enough, and every waiting read holds a buffer of this size.
	maxWrite = 128 << 10
	// maxBackground is how many background requests the daemon is given at once. RELEASE is one of them, and so is a read
	// of events by a client's own asynchronous I/O: the kernel's default of 12 would let a dozen of those hold up the kill
	// of every context made through `new`.
	maxBackground = 1024
)

// Server is a mount that is being served.
type Server struct {
	dir  string // absolute, without symbolic links
	dev  uint64 // st_dev of the mount
	tree *tree
	done chan struct{}
}

// Mount mounts t on dir and serves it until it is unmounted; when Mount returns the mount answers. Root mounts by mount(2),
// everyone else through fusermount3. A *SetupError says what this machine lacks.
func Mount(dir string, t *ioctx.Table, o Options) (*Server, error) {
	dir, err := preflight(dir)
	if err != nil {
		return nil, err
	}
	tree := &tree{table: t, owner: mounter(), born: time.Now(), dir: dir, fifos: newFifos(), forgetter: forgetter{stop: make(chan struct{})}}
	opts := options(o)
	srv, err := newServer(fs.NewNodeFS(newRoot(tree), opts), dir, &opts.MountOptions)
	if err != nil {
		return nil, mountError(dir, err)
	}
	tree.shareMemory(srv, o.Log)
	served := make(chan struct{})
	go func() {
		defer close(served)
		srv.Serve()
	}()
	s := &Server{dir: dir, tree: tree, done: make(chan struct{})}
	if s.dev, err = answers(srv, dir); err != nil {
		err = errors.Join(fmt.Errorf("mounted on %s, but it does not answer: %w", dir, err), s.Detach())
		<-served
		return nil, err
	}
	t.SetOwnDev(s.dev)
	tree.fifos.start(dir, s.dev)
	go s.cleanUp(served)
	return s, nil
}

// newServer is fuse.NewServer without its leak: for root it opens /dev/fuse to be inherited by every program that this process
// starts, and as long as one of these runs the death of the daemon would leave its clients hanging. No fork comes between.
func newServer(raw fuse.RawFileSystem, dir string, o *fuse.MountOptions) (*fuse.Server, error) {
	if isRoot() { // a user's mount forks, for fusermount3
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	srv, err := fuse.NewServer(raw, dir, o)
	closeOnExec(fuseDevice)
	return srv, err
}

// closeOnExec keeps every descriptor of the named file from programs that are started. It needs /proc, as much else here does.
func closeOnExec(name string) {
	const self = "/proc/self/fd/"
	entries, _ := os.ReadDir(self)
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if target, err := os.Readlink(self + e.Name()); err == nil && target == name {
			unix.CloseOnExec(fd)
		}
	}
}

// answers waits until the mount does, and returns its st_dev.
func answers(srv *fuse.Server, dir string) (uint64, error) {
	if err := srv.WaitMount(); err != nil {
		return 0, err
	}
	var st unix.Stat_t
	err := unix.Stat(dir, &st)
	return st.Dev, err
}

func mounter() ioctx.Owner {
	return ioctx.Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
}

func isRoot() bool { return os.Geteuid() == 0 }

func options(o Options) *fs.Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	logger := slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	return &fs.Options{
		Logger:         logger,
		RootStableAttr: &fs.StableAttr{Ino: ino(0, kindDir)},
		MountOptions: fuse.MountOptions{
			AllowOther:         o.AllowOther,
			Options:            append([]string{"default_permissions"}, o.Extra...),
			FsName:             cmp.Or(o.FsName, "aiofs"),
			Name:               "aiofs",
			DirectMountStrict:  isRoot(), // fusermount3 could do no more, and its absence would hide the reason
			MaxWrite:           maxWrite,
			MaxBackground:      maxBackground,
			DisableXAttrs:      true, // else the kernel asks for security.capability before every write
			DisableReadDirPlus: true, // it would look up, and so make, a submit for every ls
			DisableSplice:      true, // else every read is first tried through a pipe, in vain
			Debug:              o.Debug,
			Logger:             logger,
		},
	}
}

func mountError(dir string, err error) error {
	if isRoot() && errors.Is(err, syscall.EPERM) {
		return &SetupError{"root may not mount here: CAP_SYS_ADMIN is missing; start the container with --cap-add SYS_ADMIN" +
			" and, where AppArmor confines it, --security-opt apparmor=unconfined", err}
	}
	return fmt.Errorf("mount on %s: %w", dir, err)
}
