package ioctx

// die is the atomic_xchg(&ctx->dead, 1) of kill_ioctx and hlist_del_rcu. Only the winner goes on to killWork, once, after a
// grace period.
func (c *Kioctx) die() bool {
	if c.dead.Swap(true) {
		return false
	}
	c.table.unlink(c)
	return true
}

// killWork is kill_ioctx_work: it runs when nobody can find the context any more, wakes whoever waits in it, and drops the
// initial reference. Waiters look at dead, which was set before.
func (c *Kioctx) killWork() {
	c.markDead()
	c.wait.wakeAll()
	c.writers.wakeAll()
	c.attached.close()
	c.Put()
}

// markDead tells clients that have mapped the rings. What is not there by now is marked when it is made.
func (c *Kioctx) markDead() {
	if l := c.live.Load(); l != nil {
		l.ring.SetDead()
	}
	if q := c.sq.Load(); q != nil {
		q.ring.SetDead()
	}
}

// free is free_ioctx: users is 0, so nothing is submitted any more. It cancels what is active, waits for what is in flight, and
// gives everything back.
func (c *Kioctx) free() {
	if l := c.live.Load(); l != nil {
		l.polled(false) // the poller has let go of it
	}
	c.cancel(func(*kiocb) bool { return true })
	for c.reqsActive.Load() > 0 || c.starting.Load() > 0 { // in this order: starting is raised before its request can be over
		<-c.drained
	}
	c.files.free() // before the queue, which may know them
	if l := c.live.Load(); l != nil {
		l.queue.Close()
		l.ring.Close()
		l.sharing.put()
		l.completionLock.Lock()
		l.infos = nil // whoever has a descriptor open keeps the Kioctx
		l.completionLock.Unlock()
	}
	if q := c.sq.Load(); q != nil {
		q.ring.Close()
		q.sharing.put()
	}
	c.buf.free(c)
	c.outs.free()
	c.table.freed(c)
	c.table.rcu.Call(c.freeRCU)
}

// wakeFree tells free that a count of what it waits for has become 0.
func (c *Kioctx) wakeFree() {
	select {
	case c.drained <- struct{}{}:
	default:
	}
}

// freeRCU is free_ioctx_rcu. Completions hold a read-side section until they have touched the context for the last time, so
// after it the context is nobody's.
func (c *Kioctx) freeRCU() {
	if n := c.reqsActive.Load(); n != 0 {
		panic("ioctx: a freed context has requests in flight")
	}
	close(c.gone)
}
