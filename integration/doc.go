// Package integration tests aiofs from outside: the real program, on a real mount, used by real programs.
//
// Every test mounts a daemon of its own, a process, with each engine. Its clients are processes too: shells, and the programs below
// clients/ in several languages. When a test ends, its daemon must hold no descriptor and no mapping more than before, end at SIGTERM
// with status 0, and have reported no race. container/run runs part of it in containers too, and has containers as clients.
//
// Nothing here depends on speed. The deadlines are there for what hangs: then the connection is aborted, so that neither a
// client nor this program can be left waiting for a mount that does not answer.
//
// The environment may hold
//
//	CI=true                  what the machine lacks makes tests fail, where they are skipped elsewhere; in all packages
//	AIOFS_IO_URING_DENIED=1  io_uring is lacking on purpose: skipped then too; in all packages, set by .ci/without-io_uring
//	AIOFS_RUNS=50            how often the long stream through a shell is tried
//	AIOFS_RACE=30s           how long processes race in the tests of the kill, and goroutines in those of package ioctx
//	AIOFS_HOSTILE=60s        how long a client of shared memory is hostile
//	AIOFS_SEED=1             what faults are chosen by; left out, another number each time, which the log tells
//	AIOFS_KILLS=1            at every how many-th stop at a system call a client is killed
//	AIOFS_LITMUS=200000      how many requests go through sq one by one in package ioctx's search for a wakeup that is lost
//
// Package soak below has its own.
package integration
