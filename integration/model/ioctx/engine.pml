/* The engine: it ends a request at any time after Submit was called, or if that hangs, after a cancel. */
proctype Engine(byte k) {
	COMPLETES;
end:	d_step {
		req[k].submitted && (!req[k].hangs || req[k].told);
		assert(!freed && HELD(k)) /* I/O ends before its memory does */
	};
	Complete(k)
}
