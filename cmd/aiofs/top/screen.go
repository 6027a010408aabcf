package top

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func bucketKey(bound uint64) string { return "usec_lt_" + strconv.FormatUint(bound, 10) }

const rowHead = "       CTX      UID   REQ/S  READ/S WRITE/S     P50     P99  FLIGHT    RING      NR   ERR/S  FAILED"

// lines is the report as text, the head first.
func (r *Report) lines() []string {
	lines := []string{r.summary(), rowHead}
	for _, row := range r.Contexts {
		lines = append(lines, row.line())
	}
	return lines
}

// summary is the first line: the sums.
func (r *Report) summary() string {
	rate, flight := 0.0, uint64(0)
	for _, row := range r.Contexts {
		rate += row.Requests
		flight += row.InFlight
	}
	s := fmt.Sprintf("aiofs %s: %d contexts, %s requests/s, %d in flight", visible(r.Mount), len(r.Contexts), scaled(rate), flight)
	if r.Engine != "" {
		s += ", engine " + r.Engine
	}
	if r.Hidden > 0 {
		s += fmt.Sprintf("; %d contexts of other users", r.Hidden)
	}
	return s
}

func (r Row) line() string {
	return fmt.Sprintf("%10d %8d %7s %7s %7s %7s %7s %7d %7d %7d %7s %7d", r.Ctx, r.UID, scaled(r.Requests), scaled(r.ReadBytes),
		scaled(r.WriteBytes), duration(r.P50), duration(r.P99), r.InFlight, r.InRing, r.NrEvents, scaled(r.Failures), r.Failed)
}

// scaled is a number in at most six characters.
func scaled(x float64) string {
	for _, unit := range []string{"", "k", "M", "G"} {
		switch {
		case x < 10 && unit == "" && x != float64(int64(x)):
			return fmt.Sprintf("%.1f", x)
		case x < 1000:
			return fmt.Sprintf("%.0f%s", x, unit)
		case x < 10000:
			return fmt.Sprintf("%.1f%s", x/1000, next[unit])
		}
		x /= 1000
	}
	return fmt.Sprintf("%.0fT", x)
}

var next = map[string]string{"": "k", "k": "M", "M": "G", "G": "T"}

// duration is an upper bound in microseconds.
func duration(usec *uint64) string {
	switch {
	case usec == nil:
		return "-"
	case *usec == slowest:
		return ">67s"
	case *usec < 10000:
		return fmt.Sprintf("%dus", *usec)
	case *usec < 10000000:
		return fmt.Sprintf("%dms", *usec/1000)
	}
	return fmt.Sprintf("%ds", *usec/1000000)
}

// visible replaces what would do something to the terminal: the names of files are anybody's.
func visible(s string) string {
	var b strings.Builder
	for i, c := range s {
		if c == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else if unicode.IsPrint(c) {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}

// clip cuts a line to a width in characters.
func clip(s string, width int) string {
	for i := range s {
		if width == 0 {
			return s[:i]
		}
		width--
	}
	return s
}
