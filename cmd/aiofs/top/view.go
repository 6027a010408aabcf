package top

import (
	"fmt"
	"slices"
)

// view is what is shown, and how the keys change it.
type view struct {
	order    order
	selected uint32 // the number of a context
	flight   bool   // its requests in flight are shown instead of the contexts
	quit     bool
}

const (
	keyUp, keyDown = "\x1b[A", "\x1b[B"
	keyInterrupt   = "\x03"
)

// press takes a key while r is shown.
func (v *view) press(key string, r *Report) {
	switch key {
	case "q", keyInterrupt:
		v.quit = key == keyInterrupt || !v.flight
		v.flight = false
	case keyUp, "k":
		v.move(-1, r)
	case keyDown, "j":
		v.move(1, r)
	case "\r", "\n":
		v.flight = !v.flight && v.index(r) >= 0
	}
	for _, o := range orders {
		if key == string(o.key) {
			v.order = o
		}
	}
}

// index is where the selected context stands in r; -1: it has gone.
func (v *view) index(r *Report) int {
	return slices.IndexFunc(r.Contexts, func(row Row) bool { return row.Ctx == v.selected })
}

func (v *view) move(by int, r *Report) {
	if len(r.Contexts) == 0 {
		return
	}
	at := min(max(v.index(r)+by, 0), len(r.Contexts)-1)
	v.selected = r.Contexts[at].Ctx
}

// follow sorts the report, and selects the first context where the selected one has gone.
func (v *view) follow(r *Report) {
	r.sortBy(v.order)
	if v.index(r) < 0 {
		v.flight = false
		if len(r.Contexts) > 0 {
			v.selected = r.Contexts[0].Ctx
		}
	}
}

// contextLines is the table for a screen of a height, with the selected context in it, and the line of that.
func (v *view) contextLines(r *Report, height int) (lines []string, mark int) {
	lines = r.lines()
	const head = 2
	room := max(height-head-1, 1)
	at := v.index(r)
	first := max(0, at-room+1)
	shown := lines[head+min(first, len(r.Contexts)):]
	shown = shown[:min(len(shown), room)]
	help := fmt.Sprintf("by %s | sort: r rate, l latency, i in flight, e errors, n number | up, down; Enter: its requests in flight | q quit", v.order.name)
	lines = append(append(slices.Clone(lines[:head]), shown...), help)
	if at < 0 {
		return lines, -1
	}
	return lines, head + at - first
}

// flightLines is what the selected context has in flight, for a screen of a height.
func (v *view) flightLines(inflight []string, height int) []string {
	lines := []string{
		fmt.Sprintf("context %d: %d in flight, the oldest first", v.selected, len(inflight)),
		"TAG RES ERR ...",
	}
	if len(inflight) == 1 && inflight[0] == "" {
		lines[0] = fmt.Sprintf("context %d: nothing in flight", v.selected)
		inflight = nil
	}
	for _, line := range inflight[:min(len(inflight), max(height-3, 1))] {
		lines = append(lines, visible(line))
	}
	return append(lines, "Enter or q: back to the contexts")
}
