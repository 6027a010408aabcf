/*
 * REQUESTS and who waits for all of them: a read with min=, or with ATTACHED a client that waits for `ready` and has the ring mapped. The
 * kill comes at any time; with AT_REST only when nobody can go on any more, and then all events must have been taken: no wakeup was
 * lost.
 */

#define NR REQUESTS
#define NR_EVENTS REQUESTS
#define WAITERS REQUESTS
#define PHASE phaseStart
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
