/* A client that waits for `ready` and takes events out of the ring itself. */

inline Attach() {
	get(ok);
	if
	:: ok ->
		attached = !dead; /* add, under the lock of close */
#ifndef MUTANT_ATTACH_BLIND
		if
		:: inRing > 0 -> ready = true
		:: else
		fi;
#endif
		Put()
	:: else
	fi
}

proctype Client() {
	bool ok;
	Attach();
	do
	:: ready -> ready = false; /* first, then a look at the ring */
		do
		:: d_step { inRing > 0 -> inRing--; taken++ }
		:: inRing == 0 -> break
		od
	:: hup || !attached -> break
	:: taken == NR -> break
	od;
	readers--
}
