package client

import (
	"bytes"
	"errors"
	"fmt"
)

// A Ledger says what of a lane is in flight. Each of it must come once, and nothing else.
type Ledger struct {
	Lane
	Flying map[uint64]Op // by tag
}

// NewLedger makes one of a lane in which nothing is in flight.
func NewLedger(l Lane) *Ledger { return &Ledger{l, make(map[uint64]Op)} }

// Submit submits ops.
func (l *Ledger) Submit(ops ...Op) error {
	for _, o := range ops {
		l.Flying[o.Tag] = o
	}
	return l.Lane.Submit(ops)
}

// Settle takes events until no more than left are in flight, and has each looked at.
func (l *Ledger) Settle(left int, look func(o Op, res int64) error) error {
	for len(l.Flying) > left {
		answers, err := l.Next()
		if err != nil {
			return fmt.Errorf("with %d in flight: %w", len(l.Flying), err)
		}
		for _, a := range answers {
			o, ok := l.Flying[a.Tag]
			if !ok {
				return fmt.Errorf("an event of %d, which was not in flight: %d", a.Tag, a.Res)
			}
			delete(l.Flying, a.Tag)
			if err := look(o, a.Res); err != nil {
				return fmt.Errorf("%+v: result %d: %w", o, a.Res, err)
			}
		}
	}
	return nil
}

// Brought says whether a read has brought n bytes that are want.
func (l *Ledger) Brought(o Op, want []byte) error {
	b, err := l.Got(o, len(want))
	if err == nil && !bytes.Equal(b, want) {
		err = errors.New("these are other bytes")
	}
	return err
}
