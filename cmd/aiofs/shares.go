package main

import (
	"cmp"
	"syscall"

	"github.com/aiofs/aiofs/ioctx"
)

// userShare is the part of everything that one user has where there are several and the command line does not say: so much that
// it takes some of them together to use up all.
const userShare = 4

// tableConfig is what the command line says of the table. A single user has everything, unless it says otherwise.
func tableConfig(c config, d *daemon) ioctx.Config {
	if c.allowOther {
		c.userMaxNr = cmp.Or(c.userMaxNr, max(c.maxNr/userShare, uint64(c.nrEvents)))
		c.userMaxBuf = cmp.Or(c.userMaxBuf, max(c.maxBuf/userShare, 1))
		c.userMaxFiles = cmp.Or(c.userMaxFiles, openFiles()/userShare)
	}
	return ioctx.Config{
		Engine: d.engine, Pool: d.pool, NrEvents: c.nrEvents, MaxNr: c.maxNr, MaxBuf: c.maxBuf, SQIdle: c.sqIdle, Log: d.log,
		AllowOther: c.allowOther, UserMaxNr: c.userMaxNr, UserMaxBuf: c.userMaxBuf, UserMaxFiles: c.userMaxFiles,
	}
}

// openFiles is how many descriptors the daemon may have.
func openFiles() int64 {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return 1024 // as on most systems
	}
	return int64(min(lim.Cur, 1<<30))
}
