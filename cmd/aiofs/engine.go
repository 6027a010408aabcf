package main

import (
	"log/slog"

	"github.com/aiofs/aiofs/ioctx/engine"
	"github.com/aiofs/aiofs/ioctx/engine/threads"
	"github.com/aiofs/aiofs/ioctx/engine/uring"
)

// chooseEngine makes the engine that name asks for, and logs which one it took and why. auto is uring wherever the kernel
// and its filters allow it.
func chooseEngine(name string, pool *threads.Pool, log *slog.Logger) (engine.Engine, error) {
	if name == "threads" {
		log.Info("engine", "is", "threads", "why", "asked for")
		return threads.New(pool), nil
	}
	e, err := uring.New(pool)
	switch {
	case err == nil && name == "auto":
		log.Info("engine", "is", "uring", "why", "the kernel offers all it needs")
	case err == nil:
		log.Info("engine", "is", "uring", "why", "asked for")
	case name == "auto":
		log.Info("engine", "is", "threads", "why", err.Error())
		return threads.New(pool), nil
	default:
		return nil, failf(exitSystem, "engine=uring cannot be had: %w; engine=threads works everywhere", err)
	}
	return e, nil
}
