/*
 * ioctx/rcu: readers that follow a pointer, and updaters that replace what it points to, wait for a grace period and free it. No reader
 * finds a freed object. The other models take this for granted.
 *
 * A reader is in a slot of its own choice. It may be held up between its load of phase and its count, over any number of flips.
 */

#define SLOTS 2

byte pointer;      /* the number of the object that it points to */
byte next = 1;
unsigned freed : 8;

bit phase;
typedef slot { byte readers[2] }
slot slots[SLOTS];
bool grace;        /* Domain.grace */

proctype Reader() {
	bit old, at;
	byte found, round;
	do
	:: round < ROUNDS ->
		round++;
		old = phase; /* ReadLock */
		if
		:: at = 0
		:: at = 1
		fi;
		slots[at].readers[old]++; /* enter */
		found = pointer;
		d_step { /* Unlock, after a last use of what was found */
			assert(!(freed & (1 << found)));
			slots[at].readers[old]--;
			found = 0
		}
	:: else -> break
	od
}

/* drain sees each counter at 0 at a moment of its own. */
inline drain(ph) {
	slots[0].readers[ph] == 0;
#ifndef MUTANT_LAST_SLOT_LEFT_OUT
	slots[1].readers[ph] == 0
#endif
}

inline Synchronize() {
	atomic { !grace -> grace = true };
	d_step { old = phase };
#ifndef MUTANT_NO_DRAIN_BEFORE_FLIP
	drain(1 - old);
#endif
	phase = 1 - old;
#ifndef MUTANT_NO_DRAIN_AFTER_FLIP
	drain(old);
#endif
	grace = false
}

proctype Updater() {
	bit old;
	byte was, round;
	do
	:: round < UPDATES ->
		round++;
		d_step { was = pointer; pointer = next; next++ };
#ifndef MUTANT_NO_WAIT
		Synchronize();
#endif
		freed = freed | (1 << was)
	:: else -> break
	od
}

init {
	byte i;
	atomic {
		for (i : 1 .. READERS) { run Reader() }
		for (i : 1 .. UPDATERS) { run Updater() }
	}
}
