inline takeSlot(ok, me) {
	if
	:: dead
	:: else -> getReqsAvailable(ok);
		if
		:: ok
		:: else -> waitForSlot(ok, me)
		fi
	fi
}

inline waitForSlot(ok, me) {
	prepare(WRITERS, me, 1);
	do
	:: dead -> break
	:: else -> getReqsAvailable(ok);
		if
		:: ok -> break
		:: else -> sleep(WRITERS, me)
		fi
	od;
	finish(WRITERS, me)
}

inline Write(k) {
	get(ok);
	if
	:: ok ->
		ok = false;
		takeSlot(ok, k);
		if
		:: ok -> accept(k); start(k)
		:: else
		fi;
		Put()
	:: else
	fi
}

/* poller.look with takeSQ, which does not look at dead again. */
inline takeSQ(k) {
	get(ok);
	if
	:: ok ->
		getReqsAvailable(ok);
		if
		:: ok -> accept(k); start(k)
		:: else
		fi;
		Put()
	:: else
	fi
}

inline Close() {
	d_step {
		writersOpen--;
		if
		:: writersOpen == 0 -> for (w : 0 .. WAITERS - 1) { owed[w] = true }
		:: else
		fi
	};
	wakeAll(WAIT)
}
