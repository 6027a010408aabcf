/*
 * The state of one context and its requests, and the steps of ioctx/kioctx.go.
 *
 * What is one step. Go's atomic operations are sequentially consistent, so the threads interleave. A critical section is one
 * step where it touches at most one thing that its lock does not guard: taking a lock commutes with what others do next,
 * releasing it with what they did before, and what it guards with both (Lipton). So is the entry of a read-side section
 * with the load behind it, and its end with the operation before it: entered later or left earlier, it holds up fewer
 * grace periods. completionLock is a variable, since what it guards has several such things inside.
 */

/* What is broken before anything comes of it. CONSEQUENCES lets it pass, so that a mutant shows what does. */
#ifdef CONSEQUENCES
#define invariant(x) skip
#else
#define invariant(x) assert(x)
#endif

#define HELD(k) (req[k].refs > 0) /* else it lies in the pool and may be another request */

mtype = { idle, queued, running }; /* a task of the pool */
mtype = { phaseStage, phaseStart, phaseStarted };

typedef kiocb {
	byte refs;
	bool completed, cancelled, linked; /* linked: in Kioctx.active */
	mtype phase = PHASE;
	mtype task = idle;
	bool opened;          /* in opened.ready */
	bool submitted, told; /* what the engine knows */
	bool hangs;           /* ends only when told to */
	byte events;          /* how many it has had: a ghost */
}
kiocb req[NR];

byte users = 1;
bool dead, unlinked;
bool freed; /* the ring, the queue and the buffers are unmapped and closed */
bool gone;  /* Kioctx.gone: nobody touches the context any more */

byte reqsActive, starting;
bool drained; /* the channel holds a token */

byte reqsAvailable = NR_EVENTS, completedEvents;
byte inRing; /* what Ring.Len says: the client may store any head, so it may become anything below nr */
bool completionLock;

byte writersOpen; /* eof.writers */
bool owed[WAITERS];
byte inFlight, taken, readers; /* ghosts: requests accepted and without an event; events taken; who has not ended */
bool attached, ready, hup; /* an Attachment, its byte in the FIFO, its end */

/* The wait queues, where each waiter has its place. */
#define WAIT 0
#define WRITERS 1
typedef waitQueue { bool on[WAITERS], woken[WAITERS]; byte min[WAITERS] }
waitQueue queue[2];

bool abandonable; /* what a pool thread opens, if it hangs in that: leaveStage */
bool freeing, callKill, callFree; /* go c.free(); rcu.Call of killWork and of freeRCU */

hidden byte w; /* scratch, within a step only */

/* ioctx/rcu. Synchronize waits for the sections that it finds, as rcu.pml shows of the real one. */
#define BIT (1 << _pid)
unsigned sections : 14;
unsigned waited0 : 14, waited1 : 14; /* of Destroy; of runQueue */

inline Unlock() {
	sections = sections & ~BIT;
	waited0 = waited0 & ~BIT;
	waited1 = waited1 & ~BIT
}

inline Synchronize(waited) {
#ifndef MUTANT_NO_GRACE_PERIOD
	waited = sections;
	(waited == 0)
#else
	skip
#endif
}

/* get and Lookup differ in what they look at: a handle at dead, a name at the table. */
inline reference(ok, condition) {
	if
	:: d_step { condition -> sections = sections | BIT };
		d_step {
			invariant(users > 0); /* no lookup brings a context back */
			users++;
			ok = true;
			Unlock()
		}
	:: else -> ok = false
	fi
}

inline get(ok) { reference(ok, !dead) }
inline Lookup(ok) { reference(ok, !unlinked) }

inline Put() {
	d_step {
		assert(users > 0);
		users--;
		if
		:: users == 0 -> freeing = true
		:: else
		fi
	}
}

/* refill: what it says and what it does. The client may have stored any head meanwhile. The caller holds completionLock. */
inline refill() {
	n = inRing;
#ifdef MUTANT_SLOTS_FROM_HEAD
	returned = NR_EVENTS - n - reqsAvailable;
	completedEvents = n
#else
	returned = (n < completedEvents -> completedEvents - n : 0);
	completedEvents = completedEvents - returned
#endif
}

inline giveBack() {
	reqsAvailable = reqsAvailable + returned;
	assert(reqsAvailable + inFlight + completedEvents <= NR_EVENTS) /* no more slots than completed */
}

inline lockedRefill() {
	d_step { !completionLock -> completionLock = true; refill() };
	d_step { giveBack(); completionLock = false }
}

inline tryReqsAvailable(ok) {
	d_step {
		ok = reqsAvailable > 0;
		reqsAvailable = reqsAvailable - ok
	}
}

inline getReqsAvailable(ok) {
	tryReqsAvailable(ok);
	if
	:: ok
	:: else -> lockedRefill(); tryReqsAvailable(ok)
	fi
}
