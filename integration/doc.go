// Package integration tests aiofs from outside: the real program, on a real mount, used by real programs.
//
// Every test mounts a daemon of its own, a process, with each engine. Its clients are processes too: shells, and the programs below
// clients/ in several languages. When a test ends, its daemon must hold no descriptor and no mapping more than before, end at SIGTERM
// with status 0, and have reported no race.
//
// Nothing here depends on speed. The deadlines are there for what hangs: then the connection is aborted, so that neither a
// client nor this program can be left waiting for a mount that does not answer.
//
// The environment may hold
//
//	CI=true        what the machine lacks makes tests fail, where they are skipped elsewhere
//	AIOFS_RUNS=50  how often the long stream through a shell is tried
//	AIOFS_RACE=30s how long processes race in the tests of the kill
package integration
