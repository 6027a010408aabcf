/*
 * The kill against everything else. REQUESTS come, each on a thread of its own: the first is written and hangs until it is cancelled,
 * the second lies in `sq`. CANCEL: beside a client's cancel. EXIT: beside a second kill, by the last close of `new`. SCRIBBLER: beside a
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
	if
	:: k == 0 -> Write(k)
	:: else -> takeSQ(k)
	fi
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
