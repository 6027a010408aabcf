inline die(won) {
	d_step { won = !dead; dead = true };
	if
	:: won -> unlinked = true
	:: else
	fi
}

#ifdef MUTANT_INFLIGHT_FROM_RING
#define IN_FLIGHT (reqsAvailable + inRing < NR_EVENTS)
#else
#define IN_FLIGHT (reqsActive > 0)
#endif

/* The loop of free. Which count is looked at first matters. */
inline awaitDrained(first, second) {
	do
	:: first -> drained -> drained = false
	:: else ->
		if
		:: second -> drained -> drained = false
		:: else -> break
		fi
	od
}

inline killWork() {
#ifdef MUTANT_OLD_ORDER /* before the 2013 change: whoever has a reference submits on */
	cancel();
	awaitDrained(IN_FLIGHT, starting > 0);
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
#ifdef MUTANT_OLD_ORDER
	CANCELS;
#endif
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
#ifdef MUTANT_OLD_ORDER
	CANCELS;
#endif
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

proctype free() {
	CANCELS;
	freeing;
#ifndef MUTANT_OLD_ORDER
	cancel();
#ifdef MUTANT_STARTING_FIRST
	awaitDrained(starting > 0, IN_FLIGHT);
#else
	awaitDrained(IN_FLIGHT, starting > 0);
#endif
#endif
	atomic {
		freed = true;
		invariant(inFlight == 0); /* nothing is given back before */
		invariant(reqsAvailable + completedEvents == NR_EVENTS); /* and every slot has come back or stands for an event */
		callFree = true
	}
}
