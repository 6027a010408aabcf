package rights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine/cred"
)

// client is a context and its files.
type client struct {
	alive *os.File
	dir   string
}

// newClient makes a context below the mount's directory.
func newClient(mount string) (*client, error) {
	alive, err := os.Open(filepath.Join(mount, "ctx/new"))
	if err != nil {
		return nil, err
	}
	n, err := io.ReadAll(alive)
	return &client{alive, filepath.Join(mount, "ctx", strings.TrimSpace(string(n)))}, err
}

// put writes to one of the context's files.
func (c *client) put(name, text string) error {
	f, err := os.OpenFile(filepath.Join(c.dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

func (c *client) get(name string) string {
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// descriptors reads through a pipe, a socket and an eventfd, each named by fd=, and by a slot that is its duplicate.
func descriptors(args []string) error {
	c, err := newClient(args[0])
	if err != nil {
		return err
	}
	p, s := make([]int, 2), [2]int{}
	if err := unix.Pipe2(p, 0); err != nil {
		return err
	}
	if s, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); err != nil {
		return err
	}
	e, err := unix.Eventfd(0, 0)
	if err != nil {
		return err
	}
	for i, rw := range [][2]int{{p[0], p[1]}, {s[0], s[1]}, {e, e}} {
		if err := c.put("files", fmt.Sprintf("dup %d fd=%d\n", i, rw[0])); err != nil {
			return fmt.Errorf("dup: %w: %s", err, c.get("error_log"))
		}
		for j, file := range []string{fmt.Sprintf("fd=%d", rw[0]), fmt.Sprintf("slot=%d", i)} {
			tag := 10*i + j
			if err := c.put("submit", fmt.Sprintf("pread tag=%d len=8 %s\n", tag, file)); err != nil {
				return fmt.Errorf("%s: %w: %s", file, err, c.get("error_log"))
			}
			var bytes [8]byte
			binary.NativeEndian.PutUint64(bytes[:], 7)
			if _, err := unix.Write(rw[1], bytes[:]); err != nil {
				return err
			}
			if got := c.get("events"); !strings.HasPrefix(got, fmt.Sprintf("%d 8 -", tag)) {
				return fmt.Errorf("%s: %s", file, got)
			}
			if got := c.get(fmt.Sprintf("out/%d", tag)); got != string(bytes[:]) {
				return fmt.Errorf("%s brought %q", file, got)
			}
		}
		if flags, err := unix.FcntlInt(uintptr(rw[0]), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
			return fmt.Errorf("the flags of descriptor %d are %#x now, %v", rw[0], flags, err)
		}
	}
	fmt.Print("ok")
	return nil
}

// mixed is a process with more rights than its effective user, and a descriptor that it got by them: the uids are its arguments. It
// says what becomes of a request that names the descriptor.
func mixed(args []string) error {
	secret, err := os.Open(args[1])
	if err != nil {
		return err
	}
	var uids [3]int
	for i := range uids {
		if _, err := fmt.Sscan(args[2+i], &uids[i]); err != nil {
			return err
		}
	}
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setresgid(uids[0], uids[1], uids[2]); err != nil {
		return err
	}
	if err := syscall.Setresuid(uids[0], uids[1], uids[2]); err != nil {
		return err
	}
	if args[5] == "dumpable" {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	c, err := newClient(args[0])
	if err != nil {
		return err
	}
	err = c.put("submit", fmt.Sprintf("pread tag=1 fd=%d\n", secret.Fd()))
	runtime.KeepAlive(secret)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		fmt.Print(unix.ErrnoName(errno))
		return nil
	}
	fmt.Print(c.get("events"))
	return nil
}

// deputy is root, and writes what a user has opened.
func deputy(args []string) error {
	runtime.LockOSThread()
	user := &cred.Cred{UID: other, GID: other}
	if err := cred.Take(user); err != nil {
		return err
	}
	c, err := newClient(args[0])
	if err != nil {
		return err
	}
	open := make(map[string]*os.File)
	for _, name := range []string{"submit", "files", "cancel"} {
		if open[name], err = os.OpenFile(filepath.Join(c.dir, name), os.O_WRONLY, 0); err != nil {
			return err
		}
		defer open[name].Close()
	}
	if err := cred.Take(nil); err != nil {
		return err
	}
	text := map[string]string{"submit": "noop\n", "files": "open 1 open=rdonly " + args[1] + "\n", "cancel": "all\n"}
	for name, f := range open {
		if _, err := unix.Write(int(f.Fd()), []byte(text[name])); err != unix.EPERM {
			return fmt.Errorf("root writes to a user's %s: %v, want EPERM", name, err)
		}
	}
	if err := cred.Take(user); err != nil {
		return err
	}
	if _, err := unix.Write(int(open["submit"].Fd()), []byte("noop\n")); err != nil {
		return fmt.Errorf("the user himself: %w", err)
	}
	fmt.Print("ok")
	return nil
}

// chrooted reads /etc/passwd in another root, as a user.
func chrooted(args []string) error {
	mount, err := unix.Open(args[0], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(unix.Chroot(args[1]), unix.Chdir("/"), syscall.Setgroups(nil), syscall.Setresgid(other, other, other),
		syscall.Setresuid(other, other, other)); err != nil {
		return err
	}
	at := func(name string, flags int) (*os.File, error) {
		fd, err := unix.Openat(mount, name, flags|unix.O_CLOEXEC, 0)
		return os.NewFile(uintptr(fd), name), err
	}
	alive, err := at("ctx/new", unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer alive.Close()
	n, err := io.ReadAll(alive)
	if err != nil {
		return err
	}
	dir := "ctx/" + strings.TrimSpace(string(n)) + "/"
	submit, err := at(dir+"submit", unix.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = submit.WriteString("pread tag=1 /etc/passwd\n")
	submit.Close()
	if err != nil {
		return err
	}
	for _, name := range []string{"events", "out/1"} {
		f, err := at(dir+name, unix.O_RDONLY)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			return err
		}
		if name == "out/1" {
			fmt.Printf("%s", text)
		}
	}
	return nil
}

// swapper exchanges a link for as long as requests follow it.
func swapper(args []string) error {
	c, err := newClient(args[0])
	if err != nil {
		return err
	}
	link := filepath.Join(args[1], "link")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			os.Symlink(filepath.Join(args[1], []string{"mine", "secret"}[i%2]), link+".new")
			os.Rename(link+".new", link)
		}
	}()
	defer func() {
		close(stop)
		<-stopped
	}()
	seen := make(map[string]int)
	for range 50 {
		if err := c.put("submit", strings.Repeat("pread keep=no "+link+"\n", 20)); err != nil {
			return err
		}
		for line := range strings.Lines(c.get("events")) {
			seen[strings.Join(strings.Fields(line)[1:3], " ")]++
		}
	}
	for result := range seen {
		switch result {
		case "4 -", "-13 EACCES", "-2 ENOENT":
		default:
			return fmt.Errorf("a read ends with %q", result)
		}
	}
	fmt.Print("ok ", seen)
	return nil
}
