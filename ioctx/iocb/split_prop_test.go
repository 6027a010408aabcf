package iocb

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestAnyCutsGiveTheSameRequests writes a stream cut at any places, to a context that is now and then full, and expects the requests
// that went into it, with the numbers they have in it.
func TestAnyCutsGiveTheSameRequests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The first write decides what ends a request: after it the other of the two is a byte like any other.
		term, alphabet := "\n", []rune("a#/. \t\x00")
		if rapid.Bool().Draw(t, "NUL") {
			term, alphabet = "\x00", []rune("a#/. \t\n")
		}
		first := rapid.SampledFrom([]string{"", "#", "x"}).Draw(t, "first") + term
		lines := rapid.SliceOf(rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 12, -1)).Draw(t, "lines")
		var want []string
		if first[0] == 'x' {
			want = append(want, "x")
		}
		for _, l := range lines {
			if s := strings.Trim(l, " \t"); s != "" && s[0] != '#' {
				want = append(want, l)
			}
		}
		stream := first
		for _, l := range lines {
			stream += l + term
		}
		cut := rapid.SampledFrom([]string{"", "pread /x", "#x"}).Draw(t, "unfinished")

		d := descriptor{full: true}
		d.writeAll(t, stream[:len(first)])
		d.writeAll(t, stream[len(first):]+cut)
		if !slices.Equal(d.taken, want) {
			t.Fatalf("took %q, want %q", d.taken, want)
		}
		if got := string(d.Cut()); got != cut {
			t.Fatalf("kept %q, want %q", got, cut)
		}
		if got := d.Line(); got != len(lines)+2 {
			t.Fatalf("at line %d of %d", got, len(lines)+2)
		}
	})
}

// writeAll writes p in pieces, as a client does that goes on after a short count and after EAGAIN.
func (d *descriptor) writeAll(t *rapid.T, p string) {
	for len(p) > 0 {
		d.slots = rapid.IntRange(0, 3).Draw(t, "slots")
		size := rapid.IntRange(1, len(p)).Draw(t, "size")
		n, err := d.write(p[:size])
		if err != nil && (d.slots > 0 || n > 0) {
			t.Fatalf("%q: %d, %v", p[:size], n, err)
		}
		p = p[n:]
	}
}
