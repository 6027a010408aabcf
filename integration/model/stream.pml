/*
 * REQUESTS written for which there is one slot, each through a descriptor of its own, and READERS to the end of file, the second of
 * which a signal may end. The kill comes at any time; with AT_REST only when nobody can go on any more, and then everything must have
 * been read, to the end: no wakeup was lost.
 */

#define NR REQUESTS
#define NR_EVENTS 1
#define WAITERS 2
#define PHASE phaseStart
#define INTERRUPTED 1
#ifdef AT_REST
#define QUIET taken == NR && readers == 0 && writersOpen == 0
#endif
#include "ioctx/all.pml"
#include "ioctx/reader.pml"

proctype Writer(byte k) {
	bool ok;
	COMPLETES;
	Write(k);
	Close()
}

init {
	byte k;
	atomic {
		writersOpen = NR;
		readers = READERS;
		for (k : 0 .. NR - 1) { run Writer(k); run Engine(k) }
		for (k : 0 .. READERS - 1) { run Reader(k) }
		run Destroy();
		run free();
		run runQueue()
	}
}
