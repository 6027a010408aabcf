/* What complete, and what cancel, needs of the thread that it runs on. */
#define COMPLETES bool won, last; byte n, returned
#define CANCELS COMPLETES; byte i, staged, started

inline putEvent(k) {
	d_step {
		!completionLock -> completionLock = true;
		assert(!freed); /* no completion after free */
		req[k].events++;
		inFlight--;
		assert(req[k].events == 1); /* exactly one completion */
#ifndef SCRIBBLER
		assert(inRing < NR_EVENTS); /* no event is overwritten that was not taken */
#endif
		inRing = (inRing + 1) % (NR_EVENTS + 1);
		completedEvents++
	};
	d_step { refill() };
	d_step { giveBack() };
	d_step { n = inRing; completionLock = false }
}

inline complete(k) {
#ifdef MUTANT_NOTIFY_BEFORE_EVENT
	ready = ready || attached;
#endif
	d_step {
		assert(HELD(k));
#ifndef MUTANT_NO_SECTION
		sections = sections | BIT;
#endif
#ifndef MUTANT_CANCEL_UNLINKS
		assert(req[k].linked);
		req[k].linked = false
#endif
	};
	putEvent(k);
	d_step {
		assert(reqsActive > 0);
		reqsActive--;
		last = reqsActive == 0
	};
	if
	:: last -> drained = true /* wakeFree */
	:: else
	fi;
#ifndef MUTANT_WAKE_BY_COUNT
	n = (n > 0 -> n : 1);
#endif
	wake(WAIT, n);
#ifndef MUTANT_NOTIFY_BEFORE_EVENT
	ready = ready || attached;
#endif
	if
	:: returned > 0 -> wakeAll(WRITERS)
	:: else
	fi;
	d_step {
		assert(!gone); /* no completion after free, to the last touch */
		assert(HELD(k));
		req[k].refs--; /* put */
		Unlock()
	}
}

inline Complete(k) {
	d_step { won = !req[k].completed; req[k].completed = true };
	if
	:: won -> complete(k)
	:: else
	fi
}
