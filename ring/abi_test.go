package ring

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/aiofs/aiofs/ring/testenv"
)

// field is where a struct has one, in bytes.
type field struct {
	Name         string
	Offset, Size uintptr
}

func eventFields() []field {
	var ev IOEvent
	return []field{
		{"data", unsafe.Offsetof(ev.Data), unsafe.Sizeof(ev.Data)},
		{"obj", unsafe.Offsetof(ev.Obj), unsafe.Sizeof(ev.Obj)},
		{"res", unsafe.Offsetof(ev.Res), unsafe.Sizeof(ev.Res)},
		{"res2", unsafe.Offsetof(ev.Res2), unsafe.Sizeof(ev.Res2)},
	}
}

// TestEventABI has the C compiler check IOEvent against struct io_event.
func TestEventABI(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		testenv.Lacks(t, "no C compiler to compare with the headers")
	}
	source := "#include <linux/aio_abi.h>\n#include <stddef.h>\n"
	assert := func(expression string, want uintptr) {
		source += "_Static_assert(" + expression + " == " + strconv.FormatUint(uint64(want), 10) + ", \"\");\n"
	}
	assert("sizeof(struct io_event)", unsafe.Sizeof(IOEvent{}))
	for _, f := range eventFields() {
		assert("offsetof(struct io_event, "+f.Name+")", f.Offset)
		assert("sizeof(((struct io_event *)0)->"+f.Name+")", f.Size)
	}
	path := filepath.Join(t.TempDir(), "abi.c")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-fsyntax-only", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestHeaderABI checks Header against struct aio_ring as fs/aio.c declares it: no C header has it.
func TestHeaderABI(t *testing.T) {
	var h Header
	got := []field{
		{"id", unsafe.Offsetof(h.ID), unsafe.Sizeof(h.ID)},
		{"nr", unsafe.Offsetof(h.Nr), unsafe.Sizeof(h.Nr)},
		{"head", unsafe.Offsetof(h.Head), unsafe.Sizeof(h.Head)},
		{"tail", unsafe.Offsetof(h.Tail), unsafe.Sizeof(h.Tail)},
		{"magic", unsafe.Offsetof(h.Magic), unsafe.Sizeof(h.Magic)},
		{"compat_features", unsafe.Offsetof(h.CompatFeatures), unsafe.Sizeof(h.CompatFeatures)},
		{"incompat_features", unsafe.Offsetof(h.IncompatFeatures), unsafe.Sizeof(h.IncompatFeatures)},
		{"header_length", unsafe.Offsetof(h.HeaderLength), unsafe.Sizeof(h.HeaderLength)},
	}
	want := []field{
		{"id", 0, 4}, {"nr", 4, 4}, {"head", 8, 4}, {"tail", 12, 4}, {"magic", 16, 4}, {"compat_features", 20, 4},
		{"incompat_features", 24, 4}, {"header_length", 28, 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("struct aio_ring (-want +got):\n%s", diff)
	}
}
