package iocb

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// MaxText is the longest text request in bytes, its terminator not counted: beyond it E2BIG. It is twice what a path of
// PATH_MAX needs that is written as \ooo throughout, and bounds what a descriptor keeps of a request that was cut.
const MaxText = 64 << 10

const blanks = " \t"

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

// trimBlanks returns line without the blanks before its first word.
func trimBlanks(line []byte) []byte { return bytes.TrimLeft(line, blanks) }

// cutWord cuts the first word off a line that does not begin with a blank. The word is empty where the line is.
func cutWord(line []byte) (word, rest []byte) {
	for i, b := range line {
		if isBlank(b) {
			return line[:i], trimBlanks(line[i:])
		}
	}
	return line, nil
}

// startsPath tells whether a word that begins like line is PATH, which goes on to the end of the request.
func startsPath(line []byte) bool { return len(line) > 0 && (line[0] == '/' || line[0] == '.') }

// skippable tells whether a line is no request: blank, or a comment.
func skippable(line []byte) bool {
	line = trimBlanks(line)
	return len(line) == 0 || line[0] == '#'
}

func checkLength(line []byte) error {
	if len(line) > MaxText {
		return refuse(unix.E2BIG, "the request is longer than %d bytes", MaxText)
	}
	return nil
}

// arg is a word KEY=VALUE.
type arg struct {
	key keys
	val []byte
}

// parseArg splits a word, of a request called op, and looks its key up. EINVAL: there is no =, the key is unknown, is not among
// those allowed, or has been seen.
func parseArg(op string, word []byte, allowed, seen keys) (arg, error) {
	name, val, found := bytes.Cut(word, []byte{'='})
	key := keyOf(name)
	switch {
	case !found && allowed&keyPATH != 0:
		return arg{}, invalid("%s is not KEY=VALUE, and PATH begins with / or .", quote(word))
	case !found:
		return arg{}, invalid("%s is not KEY=VALUE", quote(word))
	case key == 0:
		return arg{}, invalid("unknown key %s", quote(name))
	case key&allowed == 0:
		return arg{}, invalid("key %s does not belong to %s", quote(name), op)
	case key&seen != 0:
		return arg{}, invalid("key %s given twice", quote(name))
	}
	return arg{key, val}, nil
}
