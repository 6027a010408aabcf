#ifndef INTERRUPTED
#define INTERRUPTED WAITERS /* nobody */
#endif

/*
 * takeEvents, of all events up to most, where there are least. Peek and Advance are one step: there is one consumer at a time, and
 * what is put between them is for the next look.
 */
inline takeEvents(got, least, most) {
	d_step {
		assert(users > 0 && !freed);
		got = (inRing < least -> 0 : (inRing < most -> inRing : most));
		inRing = inRing - got;
		taken = taken + got
	};
	if
	:: got > 0 ->
		lockedRefill();
		if
		:: returned > 0 -> wakeAll(WRITERS)
		:: else
		fi;
		if
		:: reqsActive == 0 -> wakeAll(WAIT)
		:: else
		fi
	:: else
	fi
}

/* Each is a load of its own, in this order. */
inline atEnd(is) {
	is = writersOpen == 0 && owed[me];
	if
	:: is -> is = reqsActive == 0
	:: else
	fi;
	if
	:: is -> is = inRing == 0
	:: else
	fi
}

/* One readStream after the other, to the end of file or to the kill; for the reader INTERRUPTED also to a signal. */
proctype Reader(byte me) {
	bool ok, end, signal;
	byte got, n, returned;
again:	get(ok);
	if
	:: !ok -> goto over
	:: else
	fi;
look:	takeEvents(got, 1, 1);
	if
	:: got > 0 -> Put(); goto again
	:: else
	fi;
	atEnd(end);
	if
	:: end -> owed[me] = false; Put(); goto over /* tell */
	:: else
	fi;
	prepare(WAIT, me, 1);
check:	if
	:: dead -> goto woken
	:: else
	fi;
	if
	:: inRing > 0 -> goto woken
	:: else -> atEnd(end)
	fi;
	if
	:: end -> goto woken
	:: signal && !end -> finish(WAIT, me); Put(); goto over /* EINTR, unless ready */
	:: else
	fi;
	if
	:: sleep(WAIT, me)
	:: me == INTERRUPTED -> signal = true
	fi;
	goto check;
woken:	finish(WAIT, me);
	if
	:: dead -> Put(); goto over
	:: else -> goto look
	fi;
over:	readers--
}

/* getEvents of all requests, without a timeout. */
proctype GetEvents(byte me) {
	bool ok;
	byte got, n, returned;
	get(ok);
	if
	:: !ok -> goto over
	:: else
	fi;
	do
	:: dead -> break
	:: else ->
		takeEvents(got, NR, NR);
		if
		:: got > 0 -> break
		:: else
		fi;
#ifndef MUTANT_CHECK_BEFORE_QUEUE
		prepare(WAIT, me, NR);
#endif
		do
		:: dead -> break
		:: else ->
			if
			:: inRing >= NR -> break
			:: else ->
#ifdef MUTANT_CHECK_BEFORE_QUEUE
				prepare(WAIT, me, NR);
#endif
				sleep(WAIT, me)
			fi
		od;
		finish(WAIT, me)
	od;
	if
	:: got == 0 -> takeEvents(got, 0, NR)
	:: else
	fi;
	Put();
over:	readers--
}
