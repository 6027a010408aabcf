/*
 * A request that a pool thread opens first, and hands to the engine by another goroutine: against a kill, and with CANCEL
 * against a client's cancel too. Whether it hangs then, and whether it can be left to a thread that hangs in its open, is
 * any of four.
 */

#define NR 1
#define NR_EVENTS 1
#define WAITERS 1
#define PHASE phaseStage
#include "ioctx/all.pml"

proctype Writer(byte k) {
	bool ok, won, last;
	byte n, returned;
	Write(k)
}

init {
	atomic {
		if
		:: req[0].hangs = true
		:: true
		fi;
		if
		:: abandonable = true
		:: true
		fi;
		run Writer(0);
		run stage(0);
		run run_opened(0);
		run Engine(0);
		run Destroy();
		run free();
		run runQueue();
#ifdef CANCEL
		run Cancel()
#endif
	}
}
