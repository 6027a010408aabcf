package top

import (
	"fmt"
	"strings"
	"testing"
)

func report(numbers ...int) *Report {
	r := &Report{Mount: "/m"}
	for i, n := range numbers {
		slow := uint64(1) << (len(numbers) - i)
		r.Contexts = append(r.Contexts, Row{Ctx: uint32(n), Requests: float64(i), InFlight: uint64(n % 3), Failed: uint64(n * 7 % 4), P99: &slow})
	}
	return r
}

func sorted(r *Report) string {
	var ids []string
	for _, row := range r.Contexts {
		ids = append(ids, fmt.Sprint(row.Ctx))
	}
	return strings.Join(ids, " ")
}

func TestSortKeys(t *testing.T) {
	v := &view{order: orders[0]}
	for key, want := range map[string]string{"r": "2 5 1", "l": "1 5 2", "i": "2 5 1", "e": "1 5 2", "n": "1 2 5"} {
		r := report(1, 5, 2)
		v.press(key, r)
		v.follow(r)
		if got := sorted(r); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

// The selected context stays selected however the rows move, until it has gone.
func TestSelection(t *testing.T) {
	v, r := &view{order: orders[4]}, report(1, 2, 3)
	v.follow(r)
	for _, step := range []struct {
		key  string
		want uint32
	}{{keyUp, 1}, {keyDown, 2}, {"j", 3}, {keyDown, 3}, {"k", 2}} {
		if v.press(step.key, r); v.selected != step.want {
			t.Errorf("%q: %d is selected, want %d", step.key, v.selected, step.want)
		}
	}
	v.press("\r", r)
	if !v.flight {
		t.Error("Enter does not show what is in flight")
	}
	v.press("q", r)
	if v.flight || v.quit {
		t.Error("q quits instead of going back")
	}
	v.press("\r", r)
	if v.follow(report(1, 3)); v.flight || v.selected != 1 {
		t.Errorf("a context that has gone is shown; %d is selected", v.selected)
	}
	if v.press("q", r); !v.quit {
		t.Error("q does not quit")
	}
	v = &view{order: orders[0], flight: true}
	if v.press(keyInterrupt, r); !v.quit {
		t.Error("^C does not quit")
	}
	v = &view{order: orders[0]}
	v.follow(report())
	v.press(keyDown, report())
	if v.press("\r", report()); v.flight {
		t.Error("what no context has in flight is shown")
	}
}

// The selected context is on the screen, however small that is.
func TestContextLines(t *testing.T) {
	r := report(1, 2, 3, 4, 5, 6)
	v := &view{order: orders[4]}
	v.follow(r)
	for selected := range uint32(6) {
		v.selected = selected + 1
		for height := 4; height < 12; height++ {
			lines, mark := v.contextLines(r, height)
			if len(lines) > height || !strings.HasPrefix(strings.TrimSpace(lines[mark]), fmt.Sprint(v.selected, " ")) {
				t.Errorf("of %d lines, %d is marked, for context %d:\n%s", height, mark, v.selected, strings.Join(lines, "\n"))
			}
		}
	}
	if lines, mark := v.contextLines(report(), 5); mark != -1 || len(lines) != 3 {
		t.Errorf("without contexts line %d is marked of %q", mark, lines)
	}
}

func TestFlightLines(t *testing.T) {
	v := &view{selected: 4}
	lines := v.flightLines([]string{"1 - - seq=1 ./a\x1b[2Jb", "2 - - seq=2", "3 - - seq=3"}, 5)
	if len(lines) != 5 || lines[0] != "context 4: 3 in flight, the oldest first" || lines[2] != `1 - - seq=1 ./a\u001b[2Jb` {
		t.Errorf("%q", lines)
	}
	if lines := v.flightLines([]string{""}, 5); len(lines) != 3 || lines[0] != "context 4: nothing in flight" {
		t.Errorf("%q", lines)
	}
}

func TestText(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", .4: "0.4", 7: "7", 9.99: "10.0", 12.7: "13", 999: "999", 1000: "1.0k", 9940: "9.9k", 54321: "54k", 1234567: "1.2M", 5e9: "5.0G",
		7e11: "700G", 2e12: "2.0T",
	} {
		if got := scaled(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
	for usec, want := range map[uint64]string{1: "1us", 8192: "8192us", 16384: "16ms", 1 << 23: "8388ms", 1 << 26: "67s", slowest: ">67s"} {
		if got := duration(&usec); got != want {
			t.Errorf("%d: %s, want %s", usec, got, want)
		}
	}
	if got := duration(nil); got != "-" {
		t.Error(got)
	}
	if got := visible("ä\xff\t\u202e€"); got != `ä\xff\u0009\u202e€` {
		t.Error(got)
	}
	if got := clip("äbc", 2); got != "äb" {
		t.Error(got)
	}
	if got := clip("äb", 2); got != "äb" {
		t.Error(got)
	}
}

func TestCutKey(t *testing.T) {
	var keys []string
	for typed := "r\x1b[A\x1b[B\rq\x1b["; typed != ""; {
		var key string
		key, typed = cutKey(typed)
		keys = append(keys, key)
	}
	if got := fmt.Sprintf("%q", keys); got != `["r" "\x1b[A" "\x1b[B" "\r" "q" "\x1b" "["]` {
		t.Error(got)
	}
}

func TestParse(t *testing.T) {
	o, err := parse(strings.Fields("--once /m --interval 2s --json"))
	if err != nil || !o.once || !o.json || o.mount != "/m" || o.interval.Seconds() != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range []string{"/a /b", "--wibble", "--interval 1ms", "--interval x"} {
		if _, err := parse(strings.Fields(args)); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
			t.Errorf("%s: %v", args, err)
		}
	}
}
