package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// sector is the unit in which content says where it belongs: the smallest request and alignment there is, in bytes.
const sector = 512

// fill makes b the content of a file at offset off, a multiple of sector. Each sector begins with its number in the file and with
// stamp, and goes on with what follows from both, so that no two are alike and none can be compressed or shared.
func fill(b []byte, off int64, stamp uint64) {
	le := binary.LittleEndian
	for ; len(b) >= sector; b, off = b[sector:], off+sector {
		x := uint64(off / sector)
		le.PutUint64(b, x)
		le.PutUint64(b[8:], stamp)
		x ^= stamp * 0x9e3779b97f4a7c15 // odd, so no two stamps are alike in it
		for i := 16; i < sector; i += 8 {
			x = x*6364136223846793005 + 1442695040888963407 // Knuth's MMIX
			le.PutUint64(b[i:], x)
		}
	}
}

// check reports what of b is not what fill makes for off, whatever the stamp of each sector.
func check(b []byte, off int64) error {
	var want [sector]byte
	for i := 0; i < len(b); i += sector {
		got := b[i : i+sector]
		fill(want[:], off+int64(i), stampOf(got))
		if !bytes.Equal(got, want[:]) {
			return fmt.Errorf("the content of the file at %d is wrong: the sector there has number %d, not %d, or other bytes than that one",
				off+int64(i), binary.LittleEndian.Uint64(got), (off+int64(i))/sector)
		}
	}
	return nil
}

// stampOf is the stamp of the sector that b begins with.
func stampOf(b []byte) uint64 { return binary.LittleEndian.Uint64(b[8:]) }
