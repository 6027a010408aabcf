package bench

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheckSeesWrongBytes(t *testing.T) {
	b := make([]byte, 8*sector)
	fill(b, 40*sector, 3)
	if err := check(b, 40*sector); err != nil {
		t.Fatal(err)
	}
	if check(b, 41*sector) == nil {
		t.Error("the content of another place was taken for right")
	}
	for _, i := range []int{0, 7, 8, 15, 16, sector - 1, 5 * sector, 8*sector - 1} {
		b[i] ^= 0x40
		if check(b, 40*sector) == nil {
			t.Errorf("the wrong byte %d was taken for right", i)
		}
		b[i] ^= 0x40
	}
}

// A write that did not reach the file is seen, though the file holds right bytes of an earlier one.
func TestLostWriteIsSeen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	b := make([]byte, 4*sector)
	fill(b, 0, 0)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	v := &verifier{block: 2 * sector}
	for _, lost := range []bool{false, true} {
		v.begin()
		v.compose(b[:v.block], 2*sector)
		if !lost {
			if err := os.WriteFile(name, append(make([]byte, 2*sector), b[:v.block]...), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.end(name); (err != nil) != lost {
			t.Errorf("lost: %v; found: %v", lost, err)
		}
	}
}
