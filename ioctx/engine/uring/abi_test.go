package uring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/aiofs/aiofs/ring/testenv"
)

// abi lists what abi.go declares as C expressions, with the values they have here.
func abi() (exprs []string, values []uint64) {
	add := func(expr string, v uintptr) { exprs, values = append(exprs, expr), append(values, uint64(v)) }
	offset := func(of, member string, v uintptr) { add(fmt.Sprintf("offsetof(struct io_%s, %s)", of, member), v) }
	var s sqe
	offset("uring_sqe", "flags", unsafe.Offsetof(s.flags))
	offset("uring_sqe", "ioprio", unsafe.Offsetof(s.ioprio))
	offset("uring_sqe", "fd", unsafe.Offsetof(s.fd))
	offset("uring_sqe", "off", unsafe.Offsetof(s.off))
	offset("uring_sqe", "addr", unsafe.Offsetof(s.addr))
	offset("uring_sqe", "len", unsafe.Offsetof(s.len))
	offset("uring_sqe", "rw_flags", unsafe.Offsetof(s.opFlags))
	offset("uring_sqe", "fsync_flags", unsafe.Offsetof(s.opFlags))
	offset("uring_sqe", "poll32_events", unsafe.Offsetof(s.opFlags))
	offset("uring_sqe", "user_data", unsafe.Offsetof(s.userData))
	offset("uring_sqe", "personality", unsafe.Offsetof(s.personality))
	var c cqe
	offset("uring_cqe", "user_data", unsafe.Offsetof(c.userData))
	offset("uring_cqe", "res", unsafe.Offsetof(c.res))
	var p params
	offset("uring_params", "cq_entries", unsafe.Offsetof(p.cqEntries))
	offset("uring_params", "flags", unsafe.Offsetof(p.flags))
	offset("uring_params", "features", unsafe.Offsetof(p.features))
	offset("uring_params", "sq_off", unsafe.Offsetof(p.sqOff))
	offset("uring_params", "cq_off", unsafe.Offsetof(p.cqOff))
	offset("sqring_offsets", "tail", unsafe.Offsetof(p.sqOff.tail))
	offset("sqring_offsets", "flags", unsafe.Offsetof(p.sqOff.flags))
	offset("sqring_offsets", "array", unsafe.Offsetof(p.sqOff.array))
	offset("cqring_offsets", "tail", unsafe.Offsetof(p.cqOff.tail))
	offset("cqring_offsets", "cqes", unsafe.Offsetof(p.cqOff.cqes))
	offset("cqring_offsets", "flags", unsafe.Offsetof(p.cqOff.flags))
	var o probeOps
	offset("uring_probe", "ops", unsafe.Offsetof(o.ops))
	offset("uring_probe_op", "flags", unsafe.Offsetof(o.ops[0].flags))
	add("sizeof(struct io_uring_probe_op)", unsafe.Sizeof(o.ops[0]))
	for _, op := range opcodes {
		add(op.name, uintptr(op.op))
	}
	for _, f := range features {
		add(f.name, uintptr(f.bit))
	}
	for name, v := range map[string]uintptr{
		"IOSQE_CQE_SKIP_SUCCESS": sqeCQESkipSuccess, "IORING_FSYNC_DATASYNC": fsyncDatasync,
		"IORING_SETUP_CQSIZE": setupCQSize, "IORING_SETUP_CLAMP": setupClamp, "IORING_SETUP_SUBMIT_ALL": setupSubmitAll,
		"IORING_ENTER_GETEVENTS": enterGetevents, "IORING_SQ_CQ_OVERFLOW": sqCQOverflow,
		"IORING_CQ_EVENTFD_DISABLED": cqEventfdDisabled, "IORING_OFF_SQ_RING": offSQRing, "IORING_OFF_SQES": offSQEs,
		"IORING_REGISTER_EVENTFD": registerEventfd, "IORING_REGISTER_PERSONALITY": registerPersonality, "IORING_REGISTER_PROBE": registerProbe,
		"IORING_REGISTER_IOWQ_MAX_WORKERS": registerIOWQMaxWorkers, "IO_URING_OP_SUPPORTED": opSupported,
		"IO_WQ_BOUND":                               ioWQBound,
		"MEMBARRIER_CMD_PRIVATE_EXPEDITED":          membarrierPrivateExpedited,
		"MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED": membarrierRegisterPrivateExpedited,
	} {
		add(name, v)
	}
	return exprs, values
}

func TestABI(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		testenv.Lacks(t, "%v", err)
	}
	exprs, values := abi()
	var src strings.Builder
	src.WriteString("#include <stddef.h>\n#include <linux/io_uring.h>\n#include <linux/membarrier.h>\n")
	for i, expr := range exprs {
		fmt.Fprintf(&src, "_Static_assert((unsigned long long)(%s) == %#xULL, %q);\n", expr, values[i], expr)
	}
	file := filepath.Join(t.TempDir(), "abi.c")
	if err := os.WriteFile(file, []byte(src.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-fsyntax-only", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
