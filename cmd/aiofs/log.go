package main

import (
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"

	"golang.org/x/sys/unix"
)

// newLog logs to the journal where standard error is that, else on standard error in the foreground and to syslog in the background.
// Where there is no syslog, the user is told once that nothing is logged.
func newLog(debug, background bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	switch {
	case stderrIsJournal():
		return slog.New(journalHandler(os.Stderr, level))
	case !background:
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	}
	w, err := syslog.New(syslog.LOG_DAEMON, "aiofs")
	if err != nil {
		fmt.Fprintf(os.Stderr, "aiofs: nothing is logged in the background, since there is no syslog here (%v): -f logs on standard error\n", err)
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(syslogHandler(w, level))
}

// stderrIsJournal says whether standard error is a stream of systemd-journald: systemd.exec(5), JOURNAL_STREAM.
func stderrIsJournal() bool {
	var st unix.Stat_t
	err := unix.Fstat(2, &st)
	return err == nil && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// journalHandler writes lines with the priority in front: sd-daemon(3).
func journalHandler(w io.Writer, level slog.Level) slog.Handler {
	return newByLevel(level, func(p syslog.Priority) io.Writer {
		return writerFunc(func(line []byte) (int, error) {
			return w.Write(append(fmt.Appendf(nil, "<%d>", p), line...))
		})
	})
}

// syslogHandler sends lines with their priority to syslog.
func syslogHandler(w *syslog.Writer, level slog.Level) slog.Handler {
	send := map[syslog.Priority]func(string) error{
		syslog.LOG_ERR: w.Err, syslog.LOG_WARNING: w.Warning, syslog.LOG_INFO: w.Info, syslog.LOG_DEBUG: w.Debug,
	}
	return newByLevel(level, func(p syslog.Priority) io.Writer {
		return writerFunc(func(line []byte) (int, error) { return len(line), send[p](string(line)) })
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
