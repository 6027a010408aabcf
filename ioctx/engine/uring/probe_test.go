package uring

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ring/testenv"
)

const denyEnv = "URING_TEST_DENY" // an errno that io_uring_setup is to fail with

func TestMain(m *testing.M) {
	if deny := os.Getenv(denyEnv); deny != "" {
		errno, _ := strconv.Atoi(deny)
		denySetup(unix.Errno(errno))
		err := Probe()
		fmt.Println(errors.Is(err, engine.ErrUnsupported), errors.Is(err, unix.Errno(errno)), err)
		return
	}
	testenv.Main(m, nil)
}

// denySetup has a seccomp filter answer io_uring_setup in all threads, as those of container runtimes do.
func denySetup(errno unix.Errno) {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the system call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_IO_URING_SETUP, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&prog))); errno != 0 {
		panic(errno)
	}
}

func TestProbe(t *testing.T) {
	start(t)
	if err := Probe(); err != nil {
		t.Fatal(err)
	}
}

func TestProbeDenied(t *testing.T) {
	for errno, word := range map[unix.Errno]string{unix.EPERM: "seccomp", unix.ENOSYS: "seccomp"} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", denyEnv, errno))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "true true ") || !strings.Contains(string(out), word) {
			t.Errorf("%v: %v %s", errno, err, out)
		}
	}
}

func TestProbeMissing(t *testing.T) {
	start(t)
	r, p, err := setupRing(1, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, f := range features {
		lacking := *p
		lacking.features &^= f.bit
		if err := missing(r, &lacking); !errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), f.name) {
			t.Errorf("without %s: %v", f.name, err)
		}
	}
	known := opcodes
	defer func() { opcodes = known }()
	opcodes = append(opcodes[:len(opcodes):len(opcodes)], opcode{200, "IORING_OP_OF_THE_FUTURE"})
	if err := missing(r, p); !errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), "FUTURE") {
		t.Errorf("without an opcode: %v", err)
	}
	if err := denied(unix.ENOMEM); errors.Is(err, engine.ErrUnsupported) || !errors.Is(err, unix.ENOMEM) {
		t.Errorf("out of memory: %v", err)
	}
}
