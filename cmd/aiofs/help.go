package main

import (
	"fmt"
	"io"
	"runtime/debug"
)

const helpHead = `Usage: aiofs [[SOURCE] MOUNTPOINT] [-f] [-o OPTION[,OPTION...]]
       aiofs top [MOUNTPOINT] [--interval DURATION] [--once] [--json]
       aiofs demo [-o OPTION[,OPTION...]]
       aiofs bench --help

Mounts a file system in which a directory is a Linux kioctx: requests are written to
submit, completions are read from events. The README in the mount says how.
MOUNTPOINT is /run/aiofs for root and $XDG_RUNTIME_DIR/aiofs for a user, made if absent.
aiofs stays in the foreground; with a SOURCE, as from mount(8), it returns when the mount
answers. SIGINT, SIGTERM and umount end it; a second signal at once.

top shows what each context does. demo shows everything in a temporary directory, and
checks what it shows. bench measures.

Options, as -o name=value and as --name value:
`

const helpTail = `
Numbers and sizes may end in K, M or G. Of mount(8)'s options ro and remount are refused;
the others are accepted, and nosuid and nodev always hold.

Exit status: 0 ended well, 1 wrong usage or a demo that differs, 2 system error,
8 a signal before the mount was there, 32 the mount failed.
`

func printHelp(w io.Writer) {
	fmt.Fprint(w, helpHead)
	for _, o := range options {
		name := "--" + o.flag()
		if o.value != "" {
			name += " " + o.value
		}
		fmt.Fprintf(w, "  %-18s  %s\n", name, o.usage)
	}
	fmt.Fprintf(w, "  %-18s  %s\n", "--version", "print the version")
	fmt.Fprintf(w, "  %-18s  %s\n", "--help", "print this")
	fmt.Fprint(w, helpTail)
}

// version names the module's version, which holds the commit where that is no release, and the compiler.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "aiofs (unknown)"
	}
	return "aiofs " + info.Main.Version + " " + info.GoVersion
}
