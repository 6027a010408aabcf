inline accept(k) {
	d_step {
		assert(users > 0 && !freed); /* no submit after free */
		inFlight++;
		reqsActive++
	};
	d_step {
#ifdef MUTANT_ONE_REFERENCE
		req[k].refs = 1;
#else
		req[k].refs = 2;
#endif
		req[k].linked = true
	}
}

/* Queue.Submit, in which the request may already be over when it returns, and markStarted. */
inline enter(k) {
	d_step { assert(HELD(k)); req[k].submitted = true };
	d_step {
		assert(!freed);   /* the queue is not closed under Submit */
		assert(HELD(k));
		req[k].phase = phaseStarted;
#ifndef MUTANT_EARLY_CANCEL_LOST
		won = req[k].cancelled;
#endif
		req[k].refs = req[k].refs + won
	};
	if
	:: won -> cancelStarted(k)
	:: else
	fi;
#ifndef MUTANT_ONE_REFERENCE
	put(k)
#endif
}

inline start(k) {
	if
	:: req[k].phase == phaseStage -> req[k].task = queued
	:: else -> enter(k)
	fi
}

proctype stage(byte k) {
	bool failed;
	COMPLETES;
end:	d_step { req[k].task == queued -> req[k].task = running };
	if
	:: req[k].cancelled -> failed = true
	:: else ->
		if /* openStage */
		:: true
		:: failed = true
		:: abandonable ->
end_hung:		false
		fi
	fi;
	d_step { /* finishStage */
#ifdef MUTANT_FINISH_BLIND
		won = true;
#else
		won = !req[k].completed;
#endif
		req[k].phase = (won -> phaseStart : req[k].phase)
	};
	if
	:: won && !failed ->
		starting++;
		req[k].opened = true
	:: won && failed -> Complete(k); put(k)
	:: !won -> put(k)
	fi
}

/* opened.run, for one request */
proctype run_opened(byte k) {
	bool won;
end:	d_step { req[k].opened -> req[k].opened = false };
	enter(k);
	d_step { starting--; won = starting == 0 };
	if
	:: won -> drained = true
	:: else
	fi
}
