package iocb

import (
	"bytes"
	"math"
	"strings"

	"golang.org/x/sys/unix"
)

// name is a word and what it stands for.
type name struct {
	word string
	bits int
}

// lookup finds a word among names.
func lookup(names []name, word []byte) (int, bool) {
	for _, n := range names {
		if string(word) == n.word {
			return n.bits, true
		}
	}
	return 0, false
}

// bits parses words of names that are joined by commas.
func (a arg) bits(names []name) (int, error) {
	all := 0
	for rest, more := a.val, true; more; {
		var word []byte
		word, rest, more = bytes.Cut(rest, []byte{','})
		b, ok := lookup(names, word)
		if !ok {
			return 0, invalid("%q has an unknown word %s; there are %s", a.key.name(), quote(word), wordsOf(names))
		}
		all |= b
	}
	return all, nil
}

func wordsOf(names []name) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = n.word
	}
	return strings.Join(words, ", ")
}

var rwNames = []name{
	{"hipri", rwfHipri}, {"dsync", rwfDsync}, {"sync", rwfSync}, {"nowait", rwfNowait}, {"append", rwfAppend},
	{"noappend", rwfNoappend}, {"atomic", rwfAtomic}, {"dontcache", rwfDontcache}, {"nosignal", rwfNosignal},
}

// POLL* of asm-generic/poll.h that x/sys lacks.
const (
	pollRdnorm = 0x040
	pollRdband = 0x080
	pollWrnorm = 0x100
	pollWrband = 0x200
	pollMsg    = 0x400
)

var eventNames = []name{
	{"in", unix.POLLIN}, {"pri", unix.POLLPRI}, {"out", unix.POLLOUT}, {"err", unix.POLLERR}, {"hup", unix.POLLHUP},
	{"rdnorm", pollRdnorm}, {"rdband", pollRdband}, {"wrnorm", pollWrnorm}, {"wrband", pollWrband},
	{"rdhup", unix.POLLRDHUP}, {"msg", pollMsg},
}

// events parses the bits of a poll: words, or a number of at most 16 bits.
func (a arg) events() (uint32, error) {
	if len(a.val) > 0 && a.val[0] >= '0' && a.val[0] <= '9' {
		n, err := a.number(math.MaxUint16)
		return uint32(n), err
	}
	n, err := a.bits(eventNames)
	return uint32(n), err
}
