package iocb

import "math/bits"

// keys is a set of keys of the text format.
type keys uint32

const (
	keyTag keys = 1 << iota
	keyPath
	keyOpen
	keySlot
	keyFD
	keyOff
	keyLen
	keyBuf
	keyKeep
	keyStr
	keyOut
	keyRW
	keyIoprio
	keyEvents
	keySeq
	keyMin
	keyTimeout
	keyPATH // the path at the end, which has no key
)

const (
	keysFile = keyPath | keyOpen | keySlot | keyFD | keyPATH
	keysRW   = keyTag | keysFile | keyOff | keyLen | keyBuf | keyRW | keyIoprio
)

var keyNames = [...]string{
	"tag", "path", "open", "slot", "fd", "off", "len", "buf", "keep", "str", "out", "rw", "ioprio", "events",
	"seq", "min", "timeout",
}

// keyOf returns the key of that name, or 0.
func keyOf(name []byte) keys {
	for i, s := range keyNames {
		if string(name) == s {
			return 1 << i
		}
	}
	return 0
}

// name of a set of one.
func (k keys) name() string { return keyNames[bits.TrailingZeros32(uint32(k))] }
