// Package client is a client of aiofs for tests. A Lane is one of the ways to submit requests and to take their events, and all of them are
// used alike; a Ledger sees to it that every request has one event.
package client

import (
	"fmt"
	"os"
)

// A Lane is one of the ways to submit requests to a context and to take its events. One goroutine at a time uses it. Errors are returned, since
// lanes run side by side and in processes of their own.
type Lane interface {
	// Fill puts into memory what a write is to write.
	Fill(o Op, b []byte) error
	// Submit fails where not all is taken.
	Submit(ops []Op) error
	// Next waits for an event.
	Next() ([]Answer, error)
	// Got is the first n bytes that a read has brought.
	Got(o Op, n int) ([]byte, error)
	// Close may come twice.
	Close()
}

// An Answer is what an event says.
type Answer struct {
	Tag uint64
	Res int64
}

// Lanes are the names of all there are:
//
//	text    submit and events; every second read goes to out/TAG
//	raw     submit and events_raw, with struct iocb of slots and buf
//	native  the same of the process's own descriptors and memory
//	ready   as raw, but it waits by ready and never in a read
//	shared  sq, ring and buf
var Lanes = []string{"text", "raw", "native", "ready", "shared"}

// Open opens a lane on the directory of a context. files are what its slots lead to, which native wants. ENODEV where shared cannot be had.
func Open(name, dir string, files ...*os.File) (Lane, error) {
	switch name {
	case "text":
		return openText(dir)
	case "raw":
		return openRaw(dir, os.O_RDONLY)
	case "native":
		return openNative(dir, files)
	case "ready":
		return openReady(dir)
	case "shared":
		return openShared(dir)
	}
	return nil, fmt.Errorf("no lane %q", name)
}
