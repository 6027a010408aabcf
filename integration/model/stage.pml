/*
 * A request that a pool thread opens first, and another goroutine hands to the engine: against a kill, and with CANCEL against a
 * client's cancel too. Whether it hangs then, and whether it can be left to a thread that hangs in its open, is tried both ways.
 */

#define NR 1
#define NR_EVENTS 1
#define WAITERS 1
#define PHASE phaseStage
#include "ioctx/all.pml"

proctype Writer(byte k) {
	bool ok;
	COMPLETES;
	Write(k)
}

init {
	atomic {
		if
		:: abandonable = true
		:: true
		fi;
		if
		:: req[0].hangs = true
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
