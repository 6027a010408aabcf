package iocb

import (
	"math"

	"golang.org/x/sys/unix"
)

// opRule is an OP of the text format.
type opRule struct {
	cmd    Cmd
	keys   keys // what it takes
	access int  // how its file is opened where open= does not say
}

var opRules = [...]opRule{
	{CmdPread, keysRW | keyKeep, unix.O_RDONLY},
	{CmdPwrite, keysRW | keyStr | keyOut, unix.O_WRONLY},
	{CmdFsync, keyTag | keysFile, unix.O_RDONLY},
	{CmdFdsync, keyTag | keysFile, unix.O_RDONLY},
	{CmdPoll, keyTag | keysFile | keyEvents, unix.O_RDONLY},
	{CmdNoop, keyTag, 0},
}

func ruleOf(op []byte) *opRule {
	for i := range opRules {
		if cmdNames[opRules[i].cmd] == string(op) {
			return &opRules[i]
		}
	}
	return nil
}

// textParser is ParseText at work.
type textParser struct {
	*Request
	rule *opRule
	seen keys
	drop bool // keep=no
}

// ParseText makes r the request that line is: a whole text request without its terminator, as Splitter.Next returns it.
//
// E2BIG: longer than MaxText. EOPNOTSUPP: rw=atomic on a pread. EINVAL: anything else that the text alone shows to be wrong:
// an unknown OP; a key that is unknown, given twice or not of this OP; a value out of range; no file, or two; a pwrite without bytes
// or with two kinds of them. Whether a slot, a descriptor, a tag or a path exists, and what Check looks for, is not asked here.
//
// line is not kept; only Path and Str are allocated.
func (r *Request) ParseText(line []byte) error {
	*r = Request{}
	if err := checkLength(line); err != nil {
		return err
	}
	op, rest := cutWord(trimBlanks(line))
	rule := ruleOf(op)
	if rule == nil {
		return invalid("unknown operation %s", quote(op))
	}
	r.Cmd = rule.cmd
	p := textParser{Request: r, rule: rule}
	if err := p.words(rest); err != nil {
		return err
	}
	if err := p.finishFile(); err != nil {
		return err
	}
	return p.finishOp()
}

// words takes the words after OP.
func (p *textParser) words(rest []byte) error {
	for len(rest) > 0 {
		if startsPath(rest) {
			return p.trailingPath(rest)
		}
		var word []byte
		word, rest = cutWord(rest)
		a, err := parseArg(p.Cmd.String(), word, p.rule.keys, p.seen)
		if err != nil {
			return err
		}
		p.seen |= a.key
		if err := p.set(a); err != nil {
			return err
		}
	}
	return nil
}

func (p *textParser) trailingPath(path []byte) (err error) {
	if p.rule.keys&keyPATH == 0 {
		return invalid("%v takes no file, got %s", p.Cmd, quote(path))
	}
	p.seen |= keyPATH
	p.File = FilePath
	p.Path, err = toPath(path)
	return err
}

// set stores the value of a key.
func (p *textParser) set(a arg) (err error) {
	switch a.key {
	case keyTag:
		p.HasTag = true
		p.Tag, err = a.number(math.MaxUint64)
	case keyPath, keyOpen, keySlot, keyFD:
		err = p.setFile(a)
	case keyOff:
		p.Off, err = a.size()
	case keyLen:
		p.Len, err = a.size()
	case keyBuf, keyStr, keyOut, keyKeep:
		err = p.setMem(a)
	case keyRW:
		var bits int
		bits, err = a.bits(rwNames)
		p.RWF = uint32(bits)
	case keyIoprio:
		p.HasIoprio = true
		p.Ioprio, err = a.ioprio()
	case keyEvents:
		p.Events, err = a.events()
	}
	return err
}

func (p *textParser) setFile(a arg) (err error) {
	var n uint64
	switch a.key {
	case keyPath:
		p.File = FilePath
		p.Path, err = a.path()
	case keyOpen:
		p.OpenFlags, err = a.open(p.rule.access)
	case keySlot:
		p.File = FileSlot
		n, err = a.number(MaxSlot)
		p.Slot = uint32(n)
	case keyFD:
		p.File = FileFD
		n, err = a.number(math.MaxInt32)
		p.FD = int32(n)
	}
	return err
}

func (p *textParser) setMem(a arg) (err error) {
	switch a.key {
	case keyBuf:
		p.Mem = MemBuf
		p.MemOff, err = a.number(math.MaxInt64)
	case keyStr:
		p.Mem = MemStr
		p.Str, err = a.bytes()
	case keyOut:
		p.Mem = MemOutTag
		p.OutTag, err = a.number(math.MaxUint64)
	case keyKeep:
		p.drop = string(a.val) == "no"
		if !p.drop && string(a.val) != "yes" {
			err = invalid("\"keep\" wants yes or no, got %s", quote(a.val))
		}
	}
	return err
}
