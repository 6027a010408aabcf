package iocb

import (
	"math/bits"
)

func (p *textParser) has(k keys) bool { return p.seen&k != 0 }

// finishFile sees to it that there is exactly one file, or none for an OP that takes none.
func (p *textParser) finishFile() error {
	if p.rule.keys&keysFile == 0 {
		return nil
	}
	switch bits.OnesCount32(uint32(p.seen & (keysFile &^ keyOpen))) {
	case 0:
		return invalid("%v needs a file: PATH, path=, slot= or fd=", p.Cmd)
	case 1:
	default:
		return invalid("%v has two files; PATH, path=, slot= and fd= exclude each other", p.Cmd)
	}
	if p.File != FilePath {
		if p.has(keyOpen) {
			return invalid("open= goes with a path, not with slot= or fd=")
		}
		return nil
	}
	if !p.has(keyOpen) {
		p.OpenFlags = p.rule.access
	}
	return nil
}

// finishOp sees to it that the OP has what it needs, and to what only several values together show.
func (p *textParser) finishOp() error {
	var err error
	switch p.Cmd {
	case CmdPread:
		err = p.finishRead()
	case CmdPwrite:
		err = p.finishWrite()
	case CmdPoll:
		if !p.has(keyEvents) {
			err = invalid("poll needs events=")
		}
		return err
	default:
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.checkIoprioValue(); err != nil {
		return err
	}
	if err := p.checkRWFlags(); err != nil {
		return err
	}
	return p.VerifyArea(p.Len)
}

func (p *textParser) finishRead() error {
	if !p.has(keyLen) {
		p.Len = LenToEnd
	}
	switch {
	case p.has(keyBuf) && p.has(keyKeep):
		return invalid("buf= and keep= exclude each other")
	case p.has(keyBuf) && !p.has(keyLen):
		return invalid("buf= needs len=")
	case p.has(keyBuf):
		p.Mem = MemBuf
	case p.drop:
		p.Mem = MemDiscard
	default:
		p.Mem = MemOut
	}
	return nil
}

func (p *textParser) finishWrite() error {
	if bits.OnesCount32(uint32(p.seen&(keyStr|keyBuf|keyOut))) != 1 || p.has(keyBuf) && !p.has(keyLen) {
		return invalid("pwrite needs one of str=, buf= with len=, out=")
	}
	if p.has(keyLen) && !p.has(keyBuf) {
		return invalid("pwrite takes len= with buf= only")
	}
	switch p.Mem {
	case MemStr:
		p.Len = int64(len(p.Str))
	case MemOutTag:
		p.Len = LenToEnd
	}
	return nil
}
