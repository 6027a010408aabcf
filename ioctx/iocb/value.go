package iocb

import (
	"bytes"
	"math"
)

// number parses a decimal number that may end in K, M or G (powers of 1024) and may not exceed most.
func (a arg) number(most uint64) (uint64, error) {
	n, err := parseNumber(a.val, most)
	switch err {
	case errNoNumber:
		return 0, invalid("%q wants a number, got %s", a.key.name(), quote(a.val))
	case errRange:
		return 0, invalid("%q is out of range: %s is more than %d", a.key.name(), quote(a.val), most)
	}
	return n, nil
}

// size parses a number of bytes.
func (a arg) size() (int64, error) {
	n, err := a.number(math.MaxInt64)
	return int64(n), err
}

type numberError string

func (e numberError) Error() string { return string(e) }

const (
	errNoNumber numberError = "not a number"
	errRange    numberError = "out of range"
)

func parseNumber(val []byte, most uint64) (uint64, error) {
	digits, shift := cutSuffix(val)
	if len(digits) == 0 {
		return 0, errNoNumber
	}
	var n uint64
	over := false
	for _, b := range digits {
		if b < '0' || b > '9' {
			return 0, errNoNumber
		}
		d := uint64(b - '0')
		over = over || n > (math.MaxUint64-d)/10
		n = n*10 + d
	}
	if over || n > most>>shift {
		return 0, errRange
	}
	return n << shift, nil
}

func cutSuffix(val []byte) (digits []byte, shift int) {
	last := len(val) - 1
	if last < 0 {
		return val, 0
	}
	switch val[last] {
	case 'K':
		return val[:last], 10
	case 'M':
		return val[:last], 20
	case 'G':
		return val[:last], 30
	}
	return val, 0
}

// bytes undoes \ooo, three octal digits for a byte. A backslash that begins no such byte is EINVAL, since what was meant cannot
// be known: a backslash itself is \134. The result is a copy.
func (a arg) bytes() ([]byte, error) {
	out := make([]byte, 0, len(a.val))
	for rest := a.val; ; {
		plain, after, found := bytes.Cut(rest, []byte{'\\'})
		out = append(out, plain...)
		if !found {
			return out, nil
		}
		b, ok := octal(after)
		if !ok {
			bad := rest[len(plain):]
			return nil, invalid(`%q has %s: a backslash wants three octal digits, itself \134`, a.key.name(), quote(bad[:min(4, len(bad))]))
		}
		out, rest = append(out, b), after[3:]
	}
}

// octal reads three octal digits that make a byte.
func octal(s []byte) (byte, bool) {
	if len(s) < 3 || s[0] < '0' || s[0] > '3' || s[1] < '0' || s[1] > '7' || s[2] < '0' || s[2] > '7' {
		return 0, false
	}
	return (s[0]-'0')<<6 | (s[1]-'0')<<3 | (s[2] - '0'), true
}

// path is a.bytes as a path.
func (a arg) path() (string, error) {
	if bytes.IndexByte(a.val, '\\') < 0 {
		return toPath(a.val)
	}
	b, err := a.bytes()
	if err != nil {
		return "", err
	}
	return toPath(b)
}

// toPath refuses what no path can hold. EINVAL: a NUL.
func toPath(b []byte) (string, error) {
	if bytes.IndexByte(b, 0) >= 0 {
		return "", invalid("the path %s holds a NUL", quote(b))
	}
	return string(b), nil
}
