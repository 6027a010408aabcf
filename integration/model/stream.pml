/*
 * Two writes, for which there is one slot, and two readers to the end of file, the second of which a signal may end. The kill may
 * come at any time. Where it comes when all is quiet, everything must have been read, to the end: no wakeup is lost.
 */

#define NR 2
#define NR_EVENTS 1
#define WAITERS 2
#define PHASE phaseStart
#define INTERRUPTED 1
#define QUIET taken == NR && readers == 0 && writersOpen == 0
#include "ioctx/all.pml"
#include "ioctx/reader.pml"

proctype Writer(byte k) {
	bool ok, won, last;
	byte n, returned;
	Write(k);
	Close()
}

init {
	byte k;
	atomic {
		writersOpen = NR;
		readers = WAITERS;
		for (k : 0 .. 1) { run Writer(k); run Engine(k); run Reader(k) }
		run Destroy();
		run free();
		run runQueue()
	}
}
