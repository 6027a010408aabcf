/* Queue.Cancel. The engine passes over a request that is over, as long as it is still the same. */
inline cancelStarted(k) {
	d_step { assert(!freed && HELD(k)); req[k].told = true };
	put(k)
}

inline cancelStage(k) {
	d_step { /* Pool.Cancel */
		won = req[k].task == queued;
		req[k].task = (won -> idle : req[k].task)
	};
	if
	:: won -> Complete(k); put(k) /* endStage */
	:: else ->
		d_step { /* leaveStage */
#ifdef MUTANT_LEAVE_LATE
			won = abandonable && !req[k].completed;
#else
			won = abandonable && req[k].phase == phaseStage && !req[k].completed;
#endif
			req[k].completed = req[k].completed || won
		};
		if
		:: won -> complete(k)
		:: else
		fi
	fi
}

inline cancel() {
	d_step {
		for (i : 0 .. NR - 1) {
			if
			:: req[i].linked ->
				assert(HELD(i));
				req[i].cancelled = true;
				if
				:: req[i].phase == phaseStage -> staged = staged | (1 << i)
				:: req[i].phase == phaseStarted -> started = started | (1 << i)
				:: else
				fi;
				req[i].refs = req[i].refs + (req[i].phase != phaseStart);
#ifdef MUTANT_CANCEL_UNLINKS
				req[i].linked = false
#endif
			:: else
			fi
		}
	};
	for (i : 0 .. NR - 1) {
		if
		:: staged & (1 << i) -> cancelStage(i); put(i)
		:: started & (1 << i) -> cancelStarted(i)
		:: else
		fi
	}
	staged = 0;
	started = 0
}

/* io_cancel by a client */
proctype Cancel() {
	bool ok;
	CANCELS;
	get(ok);
	if
	:: ok -> cancel(); Put()
	:: else
	fi
}
