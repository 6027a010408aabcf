/* The engine: it ends a request at any time after Submit was called, or if that hangs, after a cancel. */
proctype Engine(byte k) {
	bool won, last;
	byte n, returned;
end:	req[k].submitted && (!req[k].hangs || req[k].told) -> Complete(k)
}
