package uring

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/uring/uringtest"
	"github.com/aiofs/aiofs/ring/testenv"
)

const denyEnv = "URING_TEST_DENY" // an errno that io_uring_setup is to fail with

func TestMain(m *testing.M) {
	if deny := os.Getenv(denyEnv); deny != "" {
		errno, _ := strconv.Atoi(deny)
		if err := uringtest.Deny(unix.Errno(errno)); err != nil {
			panic(err)
		}
		err := Probe()
		fmt.Println(errors.Is(err, engine.ErrUnsupported), errors.Is(err, unix.Errno(errno)), err)
		return
	}
	testenv.Main(m, nil)
}

func TestProbe(t *testing.T) {
	if os.Getenv(uringtest.DeniedEnv) != "" {
		if err := Probe(); !errors.Is(err, engine.ErrUnsupported) {
			t.Fatalf("%s is set, but io_uring is not denied: %v", uringtest.DeniedEnv, err)
		}
	}
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
