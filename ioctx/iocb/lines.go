package iocb

import (
	"bytes"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// FilesVerb is what a line written to files does.
type FilesVerb uint8

// The verbs.
const (
	FilesOpen  FilesVerb = iota // open SLOT open=... PATH
	FilesClose                  // close SLOT
	FilesDup                    // dup SLOT fd=N
)

var filesRules = [...]struct {
	name string
	keys keys
}{
	FilesOpen:  {"open", keyOpen | keyPath | keyPATH},
	FilesClose: {"close", 0},
	FilesDup:   {"dup", keyFD},
}

// FilesLine is a line written to files.
type FilesLine struct {
	Verb      FilesVerb
	Slot      uint32 // 0 to MaxSlot
	Path      string // open: without NUL; may be empty, which is ENOENT when it is opened
	OpenFlags int    // open: O_* of open(2), O_RDONLY where open= names no access mode
	FD        int32  // dup: a descriptor of the writer
}

// ParseFiles parses a line written to files, without its terminator. E2BIG: longer than MaxText. EINVAL: anything else that is wrong
// with the text. Whether the slot is free, and the path or the descriptor exists, is not asked here.
func ParseFiles(line []byte) (FilesLine, error) {
	if err := checkLength(line); err != nil {
		return FilesLine{}, err
	}
	verb, rest := cutWord(trimBlanks(line))
	slot, rest := cutWord(rest)
	for v, rule := range filesRules {
		if string(verb) != rule.name {
			continue
		}
		n, err := parseNumber(slot, MaxSlot)
		if err != nil {
			return FilesLine{}, invalid("%s wants a slot from 0 to %d, got %s", rule.name, MaxSlot, quote(slot))
		}
		f := FilesLine{Verb: FilesVerb(v), Slot: uint32(n)}
		err = f.words(rest)
		return f, err
	}
	return FilesLine{}, invalid("unknown verb %s; there are open, close, dup", quote(verb))
}

// words takes the words after SLOT.
func (f *FilesLine) words(rest []byte) (err error) {
	rule := &filesRules[f.Verb]
	var seen keys
	for len(rest) > 0 && (rule.keys&keyPATH == 0 || !startsPath(rest)) {
		var word []byte
		word, rest = cutWord(rest)
		a, err := parseArg(rule.name, word, rule.keys, seen)
		if err != nil {
			return err
		}
		seen |= a.key
		if err := f.set(a); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		seen |= keyPATH
		if f.Path, err = toPath(rest); err != nil {
			return err
		}
	}
	switch paths := seen & (keyPath | keyPATH); {
	case f.Verb == FilesDup && seen == 0:
		return invalid("dup needs fd=")
	case f.Verb == FilesOpen && paths == 0:
		return invalid("open needs PATH or path=")
	case paths == keyPath|keyPATH:
		return invalid("PATH and path= exclude each other")
	}
	return nil
}

func (f *FilesLine) set(a arg) (err error) {
	switch a.key {
	case keyPath:
		f.Path, err = a.path()
	case keyOpen:
		f.OpenFlags, err = a.open(unix.O_RDONLY)
	case keyFD:
		var n uint64
		n, err = a.number(math.MaxInt32)
		f.FD = int32(n)
	}
	return err
}

// CancelLine is a line written to cancel: exactly one of All, ByTag and BySeq.
type CancelLine struct {
	All          bool
	ByTag, BySeq bool
	Tag, Seq     uint64
}

// ParseCancel parses a line written to cancel, without its terminator. EINVAL: it is none of all, tag=T and seq=S. E2BIG: longer
// than MaxText.
func ParseCancel(line []byte) (CancelLine, error) {
	if err := checkLength(line); err != nil {
		return CancelLine{}, err
	}
	word, rest := cutWord(trimBlanks(line))
	if len(rest) > 0 {
		return CancelLine{}, invalid("one of all, tag=T, seq=S a line; %s is too much", quote(rest))
	}
	if string(word) == "all" {
		return CancelLine{All: true}, nil
	}
	a, err := parseArg("cancel", word, keyTag|keySeq, 0)
	if err != nil {
		return CancelLine{}, err
	}
	n, err := a.number(math.MaxUint64)
	if err != nil {
		return CancelLine{}, err
	}
	if a.key == keyTag {
		return CancelLine{ByTag: true, Tag: n}, nil
	}
	return CancelLine{BySeq: true, Seq: n}, nil
}

// ParseWait parses what is written to events, min=M, timeout=DUR or both, with or without a newline at its end. min is at most
// MaxInt32; a timeout is a Go duration (100ms, 2s) of at least 0, or inf, which is returned as -1. EINVAL: anything else.
func ParseWait(line []byte) (min int, hasMin bool, timeout time.Duration, hasTimeout bool, err error) {
	rest := trimBlanks(bytes.TrimSuffix(line, []byte{'\n'}))
	var seen keys
	for len(rest) > 0 {
		var word []byte
		word, rest = cutWord(rest)
		var a arg
		if a, err = parseArg("events", word, keyMin|keyTimeout, seen); err != nil {
			return
		}
		seen |= a.key
		if a.key == keyTimeout {
			timeout, err = a.duration()
		} else {
			var n uint64
			n, err = a.number(math.MaxInt32)
			min = int(n)
		}
		if err != nil {
			return
		}
	}
	if seen == 0 {
		err = invalid("events wants min=M, timeout=DUR or both")
	}
	return min, seen&keyMin != 0, timeout, seen&keyTimeout != 0, err
}

func (a arg) duration() (time.Duration, error) {
	if string(a.val) == "inf" {
		return -1, nil
	}
	d, err := time.ParseDuration(string(a.val))
	if err != nil || d < 0 {
		return 0, invalid("%q wants a duration such as 100ms or 2s, or inf, got %s", a.key.name(), quote(a.val))
	}
	return d, nil
}
