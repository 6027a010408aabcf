package iocb

import (
	"bytes"

	"golang.org/x/sys/unix"
)

var accessNames = []name{{"rdonly", unix.O_RDONLY}, {"wronly", unix.O_WRONLY}, {"rdwr", unix.O_RDWR}}

var openNames = []name{
	{"creat", unix.O_CREAT}, {"trunc", unix.O_TRUNC}, {"append", unix.O_APPEND}, {"direct", unix.O_DIRECT},
	{"dsync", unix.O_DSYNC}, {"sync", unix.O_SYNC}, {"nofollow", unix.O_NOFOLLOW},
}

// open parses the words of open= into O_* bits, with access where they name no access mode. EINVAL: two access modes, or a
// word that is unknown.
func (a arg) open(access int) (int, error) {
	flags, modes := 0, 0
	for rest, more := a.val, true; more; {
		var word []byte
		word, rest, more = bytes.Cut(rest, []byte{','})
		if mode, ok := lookup(accessNames, word); ok {
			access = mode
			modes++
			continue
		}
		bit, ok := lookup(openNames, word)
		if !ok {
			return 0, invalid("\"open\" has an unknown word %s; there are %s, %s", quote(word), wordsOf(accessNames), wordsOf(openNames))
		}
		flags |= bit
	}
	if modes > 1 {
		return 0, invalid("\"open\" has two access modes: %s", quote(a.val))
	}
	return access | flags, nil
}

// AppendOpen appends the words of open= that stand for flags, the access mode first: how files shows a slot.
func AppendOpen(dst []byte, flags int) []byte {
	mode := flags & unix.O_ACCMODE
	for _, n := range accessNames {
		if n.bits == mode {
			dst = append(dst, n.word...)
		}
	}
	for _, n := range openNames {
		// O_SYNC holds the bit of O_DSYNC.
		if n.bits == unix.O_DSYNC && flags&unix.O_SYNC == unix.O_SYNC {
			continue
		}
		if flags&n.bits == n.bits {
			dst = append(dst, ',')
			dst = append(dst, n.word...)
		}
	}
	return dst
}
