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
	prepare(WRITERS, me);
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

proctype Write(byte k) {
	bool ok, won, last;
	byte n, returned;
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
	fi;
	d_step { /* closeWriter */
		writersOpen--;
		if
		:: writersOpen == 0 -> for (w : 0 .. WAITERS - 1) { owed[w] = 1 }
		:: else
		fi
	};
	wakeAll(WAIT)
}
