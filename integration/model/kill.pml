/* Two writes, a cancel and two kills, of which one comes by rmdir and one by the last close, beside a client that stores any head. */

#define NR 2
#define NR_EVENTS 2
#define WAITERS 2
#define PHASE phaseStart
#define SCRIBBLER
#include "ioctx/all.pml"

proctype Scribbler() {
	if
	:: inRing = 0
	:: inRing = NR_EVENTS
	fi
}

init {
	byte k;
	atomic {
		req[1].hangs = true;
		writersOpen = NR;
		for (k : 0 .. NR - 1) { run Write(k); run Engine(k) }
		run Cancel();
		run Destroy();
		run Exit();
		run free();
		run runQueue();
		run Scribbler()
	}
}
