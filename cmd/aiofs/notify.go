package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"
)

// notify tells the service manager, if there is one, as sd_notify(3) does: lines of NAME=VALUE in one datagram.
func notify(log *slog.Logger, state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.Dial("unixgram", path) // a leading @ means the abstract namespace in both
	if err == nil {
		_, err = conn.Write([]byte(state))
		conn.Close()
	}
	if err != nil {
		log.Warn("the service manager cannot be told", "state", state, "error", err)
	}
}

// notifyReady says that the mount answers.
func notifyReady(log *slog.Logger, dir, engine string) {
	notify(log, fmt.Sprintf("READY=1\nSTATUS=mounted on %s, engine %s", dir, engine))
}

// notifyStopping says that the end has begun, and that it may take up to grace and a little.
func notifyStopping(log *slog.Logger, grace time.Duration) {
	limit := grace + 10*time.Second
	notify(log, fmt.Sprintf("STOPPING=1\nSTATUS=waiting for I/O, up to %v\nEXTEND_TIMEOUT_USEC=%d", grace, limit.Microseconds()))
}
