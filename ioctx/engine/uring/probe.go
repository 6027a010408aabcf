package uring

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

// features are those that the engine cannot do without.
var features = []struct {
	bit  uint32
	name string
}{
	{featSingleMmap, "IORING_FEAT_SINGLE_MMAP"},
	{featNodrop, "IORING_FEAT_NODROP"},
	{featSubmitStable, "IORING_FEAT_SUBMIT_STABLE"},
	{featRWCurPos, "IORING_FEAT_RW_CUR_POS"},
	{featFastPoll, "IORING_FEAT_FAST_POLL"},
	{featPoll32Bits, "IORING_FEAT_POLL_32BITS"},
	{featNativeWorkers, "IORING_FEAT_NATIVE_WORKERS"},
	{featCQESkip, "IORING_FEAT_CQE_SKIP"},
}

type opcode struct {
	op   uint8
	name string
}

// opcodes are those that requests and cancels become.
var opcodes = []opcode{
	{opNop, "IORING_OP_NOP"},
	{opReadv, "IORING_OP_READV"},
	{opWritev, "IORING_OP_WRITEV"},
	{opFsync, "IORING_OP_FSYNC"},
	{opPollAdd, "IORING_OP_POLL_ADD"},
	{opAsyncCancel, "IORING_OP_ASYNC_CANCEL"},
	{opRead, "IORING_OP_READ"},
	{opWrite, "IORING_OP_WRITE"},
}

// Probe returns nil where the engine works, or an error that wraps engine.ErrUnsupported and says in words what the kernel, its
// configuration or a seccomp filter denies. It makes a ring and looks at everything that queues need.
func Probe() (err error) {
	r, p, err := setupRing(1, 2)
	if err != nil {
		return denied(err)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := missing(r, p); err != nil {
		return err
	}
	if err := r.allowWorkers(workers); err != nil {
		return unsupported("IORING_REGISTER_IOWQ_MAX_WORKERS (Linux 5.15): %w", err)
	}
	return nil
}

// missing names the first feature or opcode that the kernel lacks.
func missing(r *ring, p *params) error {
	for _, f := range features {
		if p.features&f.bit == 0 {
			return missingFeature(f.name)
		}
	}
	var ops probeOps
	if err := r.register(registerProbe, unsafe.Pointer(&ops), uintptr(len(ops.ops))); err != nil {
		return unsupported("IORING_REGISTER_PROBE: %w", err)
	}
	for _, o := range opcodes {
		if ops.ops[o.op].flags&opSupported == 0 {
			return unsupported("the kernel lacks %s", o.name)
		}
	}
	return nil
}

func missingFeature(name string) error { return unsupported("the kernel lacks %s", name) }

// denied puts into words why there is no ring.
func denied(err error) error {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return unsupported("io_uring_setup: %w: the kernel has no io_uring, or a seccomp filter hides it", err)
	case errors.Is(err, unix.EPERM):
		return unsupported("io_uring_setup: %w: %s", err, whoForbids())
	case errors.Is(err, unix.EINVAL):
		return unsupported("io_uring_setup: %w: the kernel is older than Linux 5.18 (IORING_SETUP_SUBMIT_ALL)", err)
	case errors.Is(err, engine.ErrUnsupported):
		return err
	}
	return fmt.Errorf("io_uring_setup: %w", err)
}

// whoForbids tells a sysctl from a filter.
func whoForbids() string {
	const sysctl = "/proc/sys/kernel/io_uring_disabled"
	b, err := os.ReadFile(sysctl)
	if v := strings.TrimSpace(string(b)); err == nil && v != "0" {
		return "kernel.io_uring_disabled is " + v
	}
	return "a seccomp filter or a security module forbids it"
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %w", engine.ErrUnsupported, fmt.Errorf(format, args...))
}
