//go:build race

package ring

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rights are those of the mapping that p lies in, as /proc/self/maps has them; empty: there is none.
func rights(t *testing.T, p unsafe.Pointer) string {
	t.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to uintptr
		var perms string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &perms); err != nil {
			t.Fatal(err)
		}
		if from <= uintptr(p) && uintptr(p) < to {
			return perms
		}
	}
	return ""
}

func TestClosedMemoryStaysReserved(t *testing.T) {
	m, err := NewMemfd("test", 3*page)
	if err != nil {
		t.Fatal(err)
	}
	p := unsafe.Pointer(&m.Bytes()[0])
	m.Close()
	for i := range 3 {
		if got := rights(t, unsafe.Add(p, i*page)); got != "---p" {
			t.Errorf("page %d of a closed Memory: %q, want ---p", i, got)
		}
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	for _, q := range []*quarantine{
		{maxSpans: 3, maxBytes: 1 << 30},
		{maxSpans: 1 << 30, maxBytes: 3 * page},
	} {
		for range 10 {
			p, err := unix.MmapPtr(-1, 0, nil, uintptr(page), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
			if err != nil {
				t.Fatal(err)
			}
			if err := q.put(span{p, page}); err != nil {
				t.Fatal(err)
			}
			if newest := q.spans[len(q.spans)-1]; newest.p != p {
				t.Error("the newest span is not kept")
			}
		}
		if len(q.spans) != 3 || q.bytes != 3*page {
			t.Errorf("%d spans of %d bytes are kept, want 3 of %d", len(q.spans), q.bytes, 3*page)
		}
		for _, s := range q.spans {
			unix.MunmapPtr(s.p, uintptr(s.length))
		}
	}
}

// touchAfter in the environment has the test binary make the touch that is named, and nothing else.
const touchAfter = "RING_TEST_TOUCH_AFTER"

func touch(what string) {
	m, err := NewMemory(2 * page)
	if err != nil {
		panic(err)
	}
	bytes := m.Bytes()
	r, err := New(1, 1)
	if err != nil {
		panic(err)
	}
	switch what {
	case "nothing":
	case "Close":
		m.Close()
		bytes[0] = 1
	case "Trim":
		m.Trim(1)
		bytes[page] = 1
	case "Ring.Close":
		r.Close()
		complete(r, IOEvent{})
	}
	os.Exit(0)
}

// TestTouchFaults is what the quarantine is for.
func TestTouchFaults(t *testing.T) {
	if what := os.Getenv(touchAfter); what != "" {
		touch(what)
	}
	run := func(what string) (string, error) {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestTouchFaults$")
		cmd.Env = append(os.Environ(), touchAfter+"="+what, "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("nothing"); err != nil {
		t.Fatalf("without a touch: %v\n%s", err, out)
	}
	for _, what := range []string{"Close", "Trim", "Ring.Close"} {
		if out, err := run(what); err == nil || !strings.Contains(out, "SIGSEGV") {
			t.Errorf("a touch after %s: %v, want SIGSEGV\n%s", what, err, out)
		}
	}
}
