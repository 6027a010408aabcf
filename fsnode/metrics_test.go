package fsnode

import (
	"strings"
	"testing"
)

// metrics is of the moment of its open; what it says is tested in package ioctx.
func TestMetrics(t *testing.T) {
	m := newMount(t)
	c := m.context(t, "8")
	before := read(t, m.path("metrics"))
	write(t, c+"/submit", "noop\nnoop\n")
	after := read(t, m.path("metrics"))
	for text, want := range map[string]string{before: "0", after: "2"} {
		if !strings.Contains(text, "\naiofs_requests_submitted_total "+want+"\n") {
			t.Errorf("%s requests submitted, and metrics is:\n%s", want, text)
		}
	}
}
