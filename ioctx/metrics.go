package ioctx

import (
	"runtime"
	"slices"
)

// freedSum is what contexts that are freed have counted, so that sums over all contexts never fall. A context is in it, in
// Table.chains or in Table.dying, and in one of them only.
type freedSum struct {
	submitted, refused, slotWaits uint64
	tally
}

// add takes over what c has counted, or a moment of it.
func (f *freedSum) add(c *Kioctx) snapshot {
	s := c.snapshot()
	f.submitted += s.submitted
	f.refused += c.stat.refused.Load()
	f.slotWaits += c.stat.slotWaits.Load()
	f.tally.sum(&s.tally)
	return s
}

// totals are the sums over all contexts there ever were.
type totals struct {
	freedSum
	inFlight, inRing            uint64
	made, alive, dying          uint64
	aioNr, aioMaxNr             uint64
	bufferBytes, maxBufferBytes uint64
}

// totals looks at one context after the other. Each is seen at one moment, and so submitted is exactly what completed and what is in
// flight. Contexts that are freed meanwhile are counted as they are when it is their turn.
func (t *Table) totals() *totals {
	t.mu.Lock()
	sum := &totals{freedSum: t.freedSum, made: t.serial, aioNr: t.aioNr, aioMaxNr: t.aioMaxNr}
	alive := t.live()
	all := slices.Clone(alive)
	for c := range t.dying {
		all = append(all, c)
	}
	t.mu.Unlock()

	sum.alive, sum.dying = uint64(len(alive)), uint64(len(all)-len(alive))
	sum.bufferBytes, sum.maxBufferBytes = uint64(t.memory.used.Load()), uint64(t.memory.max)
	for _, c := range all {
		s := sum.add(c)
		sum.inFlight += s.inFlight()
		sum.inRing += uint64(s.inRing)
	}
	return sum
}

// Metrics is the text of metrics: sums over all contexts in Prometheus' text exposition format 0.0.4.
func (t *Table) Metrics() []byte {
	s := t.totals()
	var e exposition
	e.family("aiofs_info", "gauge", "The engine that does the I/O.")
	e.value(1, "engine", t.cfg.Engine.Name())
	e.single("aiofs_contexts_made_total", "counter", "Contexts ever made.", s.made)
	e.family("aiofs_contexts", "gauge", "Contexts, by state: alive, or dying, which are killed and have requests in flight.")
	e.value(s.alive, "state", "alive")
	e.value(s.dying, "state", "dying")
	e.single("aiofs_nr_events", "gauge", "Events reserved by all contexts, as aio-nr.", s.aioNr)
	e.single("aiofs_max_nr_events", "gauge", "Limit of the events reserved, as aio-max-nr.", s.aioMaxNr)
	e.single("aiofs_buffer_bytes", "gauge", "Bytes of all buf and out.", s.bufferBytes)
	e.single("aiofs_max_buffer_bytes", "gauge", "Limit of the bytes of all buf and out.", s.maxBufferBytes)
	e.single("aiofs_requests_submitted_total", "counter", "Requests accepted.", s.submitted)
	e.single("aiofs_requests_in_flight", "gauge", "Requests accepted and not completed.", s.inFlight)
	e.single("aiofs_events_in_ring", "gauge", "Events that nobody has taken yet.", s.inRing)
	e.durations(&s.tally)
	e.family("aiofs_requests_failed_total", "counter", "Requests completed with an error, by its errno, but for cancelled ones.")
	for errno, n := range s.failed {
		if n > 0 {
			e.value(n, "errno", errnoKey(errno))
		}
	}
	e.single("aiofs_requests_cancelled_total", "counter", "Requests completed with ECANCELED.", s.cancelled)
	e.single("aiofs_requests_refused_total", "counter", "Requests refused by the write that brought them.", s.refused)
	e.single("aiofs_slot_waits_total", "counter", "Writes to submit that had to wait for a free slot.", s.slotWaits)
	e.family("aiofs_transferred_bytes_total", "counter", "Bytes read and written.")
	e.value(s.bytes[classRead], "op", opClassNames[classRead])
	e.value(s.bytes[classWrite], "op", opClassNames[classWrite])
	e.single("aiofs_goroutines", "gauge", "Goroutines of the daemon.", uint64(runtime.NumGoroutine()))
	return e.text
}
