package main

import (
	"context"
	"io"
	"log/slog"
	"log/syslog"
)

// byLevel is a handler for logs that keep time and level by themselves: it has one handler for each priority.
type byLevel [4]slog.Handler

// newByLevel makes one whose lines of a priority go to what to returns for it.
func newByLevel(level slog.Level, to func(syslog.Priority) io.Writer) byLevel {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}}
	var h byLevel
	for i, p := range []syslog.Priority{syslog.LOG_DEBUG, syslog.LOG_INFO, syslog.LOG_WARNING, syslog.LOG_ERR} {
		h[i] = slog.NewTextHandler(to(p), opts)
	}
	return h
}

func (h byLevel) of(level slog.Level) slog.Handler {
	switch {
	case level < slog.LevelInfo:
		return h[0]
	case level < slog.LevelWarn:
		return h[1]
	case level < slog.LevelError:
		return h[2]
	}
	return h[3]
}

func (h byLevel) Enabled(ctx context.Context, level slog.Level) bool {
	return h.of(level).Enabled(ctx, level)
}

func (h byLevel) Handle(ctx context.Context, r slog.Record) error {
	return h.of(r.Level).Handle(ctx, r)
}

func (h byLevel) WithAttrs(attrs []slog.Attr) slog.Handler {
	for i := range h {
		h[i] = h[i].WithAttrs(attrs)
	}
	return h
}

func (h byLevel) WithGroup(name string) slog.Handler {
	for i := range h {
		h[i] = h[i].WithGroup(name)
	}
	return h
}
