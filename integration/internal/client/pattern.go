package client

import "sync"

// PatternSize is how much of the pattern there is.
const PatternSize = 8 << 20

// Pattern is n bytes at off of what files hold, and what is written there; to be read only.
func Pattern(off int64, n int) []byte { return patterns()[off:][:n] }

var patterns = sync.OnceValue(func() []byte {
	b := make([]byte, PatternSize)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + i>>16)
	}
	return b
})
