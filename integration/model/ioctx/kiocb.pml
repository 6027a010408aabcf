inline put(k) {
	d_step {
		assert(HELD(k)); /* put panics */
		req[k].refs--
	}
}
