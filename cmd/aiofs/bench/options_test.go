package bench

import (
	"bytes"
	"errors"
	"testing"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--depth", "0"},
		{"--batch", "9", "--depth", "8"},
		{"--bs", "1000"},
		{"--bs", "0"},
		{"--bs", "4X"},
		{"--direct", "--cold"},
		{"--preset", "no-such"},
		{"--preset", "direct-1", "--depth", "2"},
		{"--paths", "files,no-such"},
		{"--paths", ""},
		{"--slices", "0"},
		{"--engine", "steam"},
		{"--nonsense"},
		{"one", "two"},
		{""},
	} {
		if err := Run(t.Context(), args, new(bytes.Buffer), nil); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
	var help bytes.Buffer
	if err := Run(t.Context(), []string{"--help"}, &help, nil); err != nil || !bytes.Contains(help.Bytes(), []byte("--destructive")) {
		t.Errorf("--help: %v, %s", err, &help)
	}
}

func TestOptions(t *testing.T) {
	o, err := parse([]string{"--depth", "8", "file", "--bs", "64K", "--cold", "--json", "--size=2G"})
	if err != nil {
		t.Fatal(err)
	}
	want := job{Name: "custom", Block: 64 << 10, Depth: 8, Batch: 8, Cache: cacheCold}
	if o.file != "file" || len(o.jobs) != 1 || o.jobs[0] != want || !o.json || o.size != 2<<30 {
		t.Errorf("parsed to %+v", o)
	}
	o, err = parse([]string{"--preset", "direct-1,write-32"})
	if err != nil || len(o.jobs) != 2 || o.jobs[0].Depth != 1 || !o.writes() {
		t.Errorf("parsed to %+v (%v)", o, err)
	}
	o, err = parse(nil)
	if err != nil || len(o.jobs) != defaultPresets || o.writes() || len(o.ways) != len(ways) {
		t.Errorf("without flags: %+v (%v)", o, err)
	}
}
