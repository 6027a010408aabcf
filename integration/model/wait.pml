/*
 * Two requests and who waits for both: a read with min=2, or with ATTACHED a client that waits for `ready` and has the ring mapped. The
 * kill may come at any time. Where it comes when all is quiet, both events must have been taken.
 */

#define NR REQUESTS
#define NR_EVENTS REQUESTS
#define WAITERS 2
#define PHASE phaseStart
#define INTERRUPTED 255
#ifdef AT_REST
#define QUIET taken == NR && readers == 0
#endif
#include "ioctx/all.pml"
#include "ioctx/reader.pml"
#include "ioctx/attach.pml"

proctype Writer(byte k) {
	bool ok;
	COMPLETES;
	Write(k)
}

init {
	byte k;
	atomic {
		readers = 1;
		for (k : 0 .. NR - 1) { run Writer(k); run Engine(k) }
#ifdef ATTACHED
		run Client();
#else
		run GetEvents(0);
#endif
		run Destroy();
		run free();
		run runQueue()
	}
}
