/*
 * ioctx/poller.go: a client that puts iocbs into `sq` and looks at NEED_WAKEUP, and the poller that goes to sleep. C1 to C4 and P1 to P4
 * are the steps of its comment.
 *
 * The daemon's steps interleave, since Go's atomic operations are sequentially consistent. The client's stores wait in the store
 * buffer of its processor, in order (TSO), and reach memory at any time, or by a barrier, whoever has that executed. The byte in
 * `doorbell` is one more store behind them. Its loads do not wait for them, and that is all that TSO lets overtake.
 *
 * How long the poller goes on looking at an empty ring makes no difference here: it may be held up at every step.
 */

/* What the client does between C1 and C3. The last one has no C3 either. */
#define BARRIER 0
#define NO_BARRIER 1
#define ALWAYS_RINGS 2

byte buffered;           /* stores to tail that are still in the buffer */
byte tail, head;
bool needWakeup = true;
bool doorbell;           /* the FIFO holds bytes */
bool queued, kicked;     /* sq.queued; among poller.kicked */
bool guarded;            /* among poller.guarded */
bool idle;               /* poller.idle is above 0 */
byte published;          /* a ghost */

active proctype StoreBuffer() {
end:	do
	:: d_step { buffered > 0 -> buffered--; tail++ }
	od
}

active proctype Publish() {
	bool ring;
	do
	:: published < REQUESTS ->
		d_step { buffered++; published++ }; /* C1 */
#if CLIENT == BARRIER
		buffered == 0;                      /* C2 */
#endif
#if CLIENT == ALWAYS_RINGS
		ring = true;
#else
		ring = needWakeup;                  /* C3 */
#endif
		if
		:: ring -> d_step { buffered == 0 -> doorbell = true } /* C4 */
		:: else
		fi
	:: else -> break
	od
}

inline kick() {
	d_step { won = !queued; queued = true };
	if
	:: won -> kicked = true
	:: else
	fi
}

active proctype Doorbell() {
	bool won;
end:	do
	:: doorbell ->
		doorbell = false;
		kick()
	od
}

inline membarrier() {
#ifndef MUTANT_NO_MEMBARRIER
	d_step { tail = tail + buffered; buffered = 0 }
#else
	skip
#endif
}

inline goSleep() {
	if
	:: !idle -> awake = tail != head
	:: else ->
#ifdef MUTANT_BIT_AFTER_CHECKS
		awake = tail != head;
		membarrier();
		awake = awake || tail != head;
		needWakeup = !awake
#else
		needWakeup = true;    /* P1 */
#if defined(MUTANT_NO_RECHECK) || defined(WITHOUT_P2)
		awake = false;
#else
		awake = tail != head; /* P2 */
#endif
		if
		:: awake -> needWakeup = false
		:: else -> guarded = true
		fi
#endif
	fi
}

/* run. The goroutine that stop ends and the one that kick begins are one here: both are decided under poller.mu. */
active proctype run_poller() {
	bool awake, late;
	if
	:: idle = true
	:: true
	fi;
end:	do
	:: awake || kicked ->
		if /* admit */
		:: d_step { kicked -> kicked = false;
#ifdef MUTANT_QUEUED_WHILE_LOOKING
				late = true
#else
				queued = false
#endif
			};
			needWakeup = needWakeup && (awake || !idle);
			awake = true
		:: else
		fi;
		if /* look */
		:: d_step { tail != head -> head = tail }
		:: else -> goSleep()
		fi;
#ifdef MUTANT_QUEUED_WHILE_LOOKING
		if
		:: late -> queued = false; late = false
		:: else
		fi
#endif
	od
}

active proctype runGuard() {
	bool won;
end:	do
	:: guarded ->
		guarded = false;
		membarrier(); /* P3 */
#ifndef MUTANT_NO_RECHECK
		if
		:: tail != head -> kick() /* P4 */
		:: else
		fi
#endif
	od
}

active proctype AtRest() {
	timeout;
	assert(head == published) /* no wakeup is lost */
}
