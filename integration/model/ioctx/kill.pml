inline die(won) {
	d_step { won = !dead; dead = true };
	if
	:: won -> unlinked = true
	:: else
	fi
}

inline killWork() {
#ifdef MUTANT_OLD_ORDER /* before the 2013 change: whoever has a reference submits on */
	cancel();
	awaitReqsActive();
#endif
#ifndef MUTANT_WAKE_BEFORE_DEAD
	wakeAll(WAIT);
	wakeAll(WRITERS);
#endif
	d_step { hup = hup || attached; attached = false }; /* attached.close */
	Put()
}

proctype Destroy() {
	bool ok;
	byte i, staged, started;
	bool won, last;
	byte n, returned;
#ifdef QUIET /* only when nobody can go on. Then QUIET says what must have come about without a kill. */
	timeout;
	assert(QUIET);
#endif
#ifdef MUTANT_WAKE_BEFORE_DEAD
	wakeAll(WAIT);
	wakeAll(WRITERS);
#endif
	Lookup(ok);
	if
	:: ok ->
		die(ok);
		if
		:: ok -> Synchronize(waited0); killWork()
		:: else /* EINVAL at once */
		fi;
		Put()
	:: else /* ENOENT */
	fi
}

proctype Exit() {
	bool won;
	die(won);
	if
	:: won -> callKill = true
	:: else
	fi
}

/* rcu.Domain.runQueue */
proctype runQueue() {
	bool kill, rest;
	byte i, staged, started;
	bool won, last;
	byte n, returned;
end:	do
	:: d_step { callKill || callFree -> kill = callKill; rest = callFree; callKill = false; callFree = false };
		Synchronize(waited1);
		if
		:: kill -> kill = false; killWork()
		:: else
		fi;
		if
		:: rest -> d_step {
				rest = false;
				assert(reqsActive == 0); /* freeRCU panics */
				gone = true
			}
		:: else
		fi
	od
}

#ifdef MUTANT_INFLIGHT_FROM_RING
#define IN_FLIGHT (reqsAvailable + inRing < NR_EVENTS)
#else
#define IN_FLIGHT (reqsActive > 0)
#endif

inline awaitReqsActive() {
	do
	:: IN_FLIGHT -> drained -> drained = false
	:: else -> break
	od
}

inline awaitBoth() {
	do
#ifndef MUTANT_STARTING_FIRST
	:: IN_FLIGHT -> drained -> drained = false
	:: else ->
		if
		:: starting > 0 -> drained -> drained = false
		:: else -> break
		fi
#else
	:: starting > 0 -> drained -> drained = false
	:: else ->
		if
		:: IN_FLIGHT -> drained -> drained = false
		:: else -> break
		fi
#endif
	od
}

proctype free() {
	byte i, staged, started;
	bool won, last;
	byte n, returned;
	freeing;
#ifndef MUTANT_OLD_ORDER
	cancel();
	awaitBoth();
#endif
	atomic {
		freed = true;
		assert(reqsAvailable + completedEvents == NR_EVENTS); /* every slot is free or stands for an event */
		callFree = true
	}
}
