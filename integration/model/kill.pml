/*
 * The kill against everything else. REQUESTS are written, each on a thread of its own, the first of which hangs until it is
 * cancelled. CANCEL: beside a client's cancel. EXIT: beside a second kill, by the last close of `new`. SCRIBBLER: beside a
 * client that stores any head.
 */

#define NR REQUESTS
#define NR_EVENTS REQUESTS
#define WAITERS REQUESTS
#define PHASE phaseStart
#include "ioctx/all.pml"

proctype Writer(byte k) {
	bool ok;
	COMPLETES;
	Write(k)
}

#ifdef SCRIBBLER
proctype Scribbler() {
	if
	:: inRing = 0
	:: inRing = NR_EVENTS
	fi
}
#endif

init {
	byte k;
	atomic {
		req[0].hangs = true;
		for (k : 0 .. NR - 1) { run Writer(k); run Engine(k) }
		run Destroy();
		run free();
		run runQueue();
#ifdef CANCEL
		run Cancel();
#endif
#ifdef EXIT
		run Exit();
#endif
#ifdef SCRIBBLER
		run Scribbler()
#endif
	}
}
