package iocb

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// Format is what a descriptor of submit is written in.
type Format uint8

// The formats. Before the first write it is neither.
const (
	Text Format = iota + 1
	Binary
)

// Splitter cuts the writes to one descriptor into requests. The zero value is ready; for files and cancel, which know text only, it
// works without a call of Format.
//
// A text request ends at a newline, or at a NUL where the first one did. What decides is all that has been seen when the first
// terminator comes: a NUL anywhere in it decides for NUL, so that `find -printf 'pread keep=no %p\0'` is safe though the very
// first name holds a newline. (Unless that request is so long that a write ends between its newline and its NUL: who must
// be sure of that as well sends a NUL first.)
//
// A write goes like this:
//
//	s.Format(p)
//	for {
//		line, n, ok := s.Next(p[done:])
//		if !ok { break }
//		... refused: note s.Line(); s.Discard(); return done, or the errno where done is 0
//		... no slot, interrupted: return done, or the errno where done is 0
//		s.Took()
//		done += n
//	}
//	text:   s.Keep(p[done:]); done = len(p)
//	binary: return done, or EINVAL where done is 0
type Splitter struct {
	format  Format
	decided bool   // term is known
	term    byte   // newline or NUL
	cut     []byte // the beginning of a request that the last write did not end
	lines   int    // requests that are over: taken, refused, blank or a comment
	skipped int    // blanks and comments that Next went over, not yet part of lines
	took    bool   // this write has had a request taken
}

// Format begins a write of p, and decides the descriptor's format if it is the first: 64 bytes or more with bytes 48 to 55
// (aio_reserved2) zero are Binary.
func (s *Splitter) Format(p []byte) Format {
	s.took = false
	if s.format == 0 {
		s.format = Text
		if len(p) >= Size && [8]byte(p[48:56]) == [8]byte{} {
			s.format = Binary
		}
	}
	return s.format
}

// Next returns the first request in p, and the number of bytes of p up to its end, terminator, blank requests and comments
// before it included. A kept cut is put before p. Nothing is used up: without Took or Discard in between, the same p gives the same
// request again. ok is false where p holds no whole request.
//
// line, without its terminator, lies in p or in s, and is good until the next call of Next, Keep, Took or Discard. Of one
// longer than MaxText only so much is sure to be there that ParseText refuses it.
func (s *Splitter) Next(p []byte) (line []byte, n int, ok bool) {
	if s.format != Binary {
		return s.nextText(p)
	}
	if len(p) < Size {
		return nil, 0, false
	}
	return p[:Size], Size, true
}

// nextText is Next for text. Where ok is false, n counts the blank requests and comments.
func (s *Splitter) nextText(p []byte) (line []byte, n int, ok bool) {
	s.skipped = 0
	if !s.decide(p) {
		return nil, 0, false
	}
	cut := s.cut
	for {
		i := bytes.IndexByte(p[n:], s.term)
		if i < 0 {
			return nil, n, false
		}
		line = p[n : n+i]
		if len(cut) > 0 {
			line = s.join(line)
			cut = nil
		}
		n += i + 1
		if !skippable(line) {
			return line, n, true
		}
		s.skipped++
	}
}

// decide decides the terminator, if p is where the first one is. The cut holds none as long as that is open.
func (s *Splitter) decide(p []byte) bool {
	switch {
	case s.decided:
	case bytes.IndexByte(p, 0) >= 0:
		s.term, s.decided = 0, true
	case bytes.IndexByte(p, '\n') >= 0:
		s.term, s.decided = '\n', true
	}
	return s.decided
}

// join returns the kept cut with its end. The cut stays as it is; only the memory behind it is used.
func (s *Splitter) join(end []byte) []byte {
	line := append(s.cut, end[:min(len(end), MaxText+1)]...)
	s.cut = line[:len(s.cut)]
	return line
}

// Took says that the request of the last Next was accepted.
func (s *Splitter) Took() {
	s.over()
	s.took = true
}

// Discard says that the request of the last Next, or the rest given to Keep, was refused: the kept cut is gone. The request counts
// as over, unless requests before it were taken from the same write: then the client is told a short count, and is to
// write it again.
func (s *Splitter) Discard() {
	if s.took {
		s.skipped, s.took = 0, false
		return
	}
	s.over()
}

func (s *Splitter) over() {
	s.lines += s.skipped + 1
	s.skipped = 0
	s.cut = s.cut[:0]
}

// Keep takes what Next left of a write of text: blank requests and comments, and then the beginning of a request that the next write
// ends. E2BIG: that beginning, with what was kept before, is longer than MaxText; it is then for the caller to Discard.
func (s *Splitter) Keep(rest []byte) error {
	_, n, _ := s.nextText(rest)
	cut := s.cut
	if n > 0 {
		cut = cut[:0]
	}
	if len(cut)+len(rest)-n > MaxText {
		return refuse(unix.E2BIG, "the request is longer than %d bytes", MaxText)
	}
	s.cut = append(cut, rest[n:]...)
	s.lines += s.skipped
	s.skipped, s.took = 0, false
	return nil
}

// Line is the number of the request that Next returned last, until it is taken or refused; then of the one that comes next.
// The first one on the descriptor is 1; blank requests and comments count, and of a Binary descriptor every iocb.
func (s *Splitter) Line() int { return s.lines + s.skipped + 1 }

// Cut is the beginning of a request that waits for its end. It is good until the next call of Keep, Next, Took or Discard.
func (s *Splitter) Cut() []byte { return s.cut }
