/*
 * wake is one step: its fast path loads n, which is stored with each change of the map, and finding 0 is the same as finding
 * nobody under the lock.
 */

#ifdef MUTANT_SHARED_CHANNEL
#define CHANNEL(me) 0 /* one channel of capacity 1 for all */
#else
#define CHANNEL(me) me
#endif

inline wake(q, most) {
	d_step {
		for (w : 0 .. WAITERS - 1) {
			if
			:: queue[q].on[w] && queue[q].min[w] <= most -> queue[q].woken[CHANNEL(w)] = true
			:: else
			fi
		}
	}
}

inline wakeAll(q) { wake(q, 255) }

inline prepare(q, me, least) { d_step { queue[q].on[me] = true; queue[q].min[me] = least } }

inline finish(q, me) { atomic { queue[q].on[me] = false; queue[q].woken[me] = false } }

inline sleep(q, me) {
	d_step {
		queue[q].woken[CHANNEL(me)];
#ifndef MUTANT_TOKEN_STAYS
		queue[q].woken[CHANNEL(me)] = false
#endif
	}
}
