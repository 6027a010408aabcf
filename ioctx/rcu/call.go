package rcu

// Call has f run after a grace period: call_rcu. It never blocks. Callbacks run one after another in the order of their
// Calls, on a goroutine that exists while there are any; f holds up those behind it. It may use Call and Synchronize, but
// not Barrier.
func (d *Domain) Call(f func()) {
	d.queueMu.Lock()
	d.queue = append(d.queue, f)
	start := !d.running
	d.running = true
	d.queueMu.Unlock()
	if start {
		go d.runQueue()
	}
}

// runQueue puts all callbacks that have gathered behind one grace period, until there are none.
func (d *Domain) runQueue() {
	for batch := d.nextBatch(); batch != nil; batch = d.nextBatch() {
		d.Synchronize()
		for _, f := range batch {
			f()
		}
	}
}

// nextBatch returns nil when the queue is empty, after which the next Call starts a new goroutine.
func (d *Domain) nextBatch() []func() {
	d.queueMu.Lock()
	defer d.queueMu.Unlock()
	batch := d.queue
	d.queue = nil
	d.running = batch != nil
	return batch
}

// Barrier returns once every callback whose Call returned before has run: rcu_barrier. It blocks for their grace period
// and for as long as they take, and returns at once where there are none.
func (d *Domain) Barrier() {
	d.queueMu.Lock()
	idle := !d.running
	d.queueMu.Unlock()
	if idle {
		return
	}
	done := make(chan struct{})
	d.Call(func() { close(done) })
	<-done
}
