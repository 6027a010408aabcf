package ioctx

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// writerEnv in the environment makes the test binary a writer: a process whose root, working directory and umask are those of its
// arguments, which lives until its input ends.
const writerEnv = "IOCTX_TEST_WRITER"

// writerMain is that process's main. It says when it is ready.
func writerMain() int {
	root, dir, umask := os.Args[1], os.Args[2], os.Args[3]
	mask, err := strconv.ParseUint(umask, 8, 32)
	if err == nil && root != "/" {
		err = unix.Chroot(root)
	}
	if err == nil {
		err = unix.Chdir(dir)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	unix.Umask(int(mask))
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// startWriter starts a writer, which ends with the test.
func startWriter(t *testing.T, root, dir string, umask uint32) Caller {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", root, dir, strconv.FormatUint(uint64(umask), 8))
	cmd.Env = append(os.Environ(), writerEnv+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	if line != "ready\n" {
		t.Fatalf("the writer says %q", line)
	}
	return Caller{TID: int32(cmd.Process.Pid)}
}

// submitAs writes text as w, with a descriptor of its own.
func (e *env) submitAs(w Caller, c *Kioctx, text string) {
	e.Helper()
	s := e.submitter(c, false)
	defer s.Close()
	if n, err := s.Write([]byte(text), w, nil); n != len(text) || err != nil {
		e.Fatalf("wrote %d of %q: %v; %s", n, text, err, c.ErrorLog())
	}
}
