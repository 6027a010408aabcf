package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	readCount = 10_000
	readSize  = 4096
	readDepth = 32 // in flight at most
)

// A reads is the run of random reads: `submit` and `events` are used as a program would that knows nothing of AIO.
type reads struct {
	s    *stage
	file *os.File // read by itself, to compare with
	buf  *os.File // the context's
	off  [readCount]int64
	done [readCount]bool
	crc  [readCount]uint32 // of what came through the context
	usec []int
	free chan int // parts of buf, readSize each, that no request uses
}

// randomReads makes readCount verified reads of readSize at random places.
func (s *stage) randomReads(context.Context) (err error) {
	s.say("%d random reads of %d bytes of a file in the page cache, %d in flight, each compared with the file.",
		readCount, readSize, readDepth)
	r := &reads{s: s, free: make(chan int, readDepth)}
	for i := range readDepth {
		r.free <- i
	}
	for i := range r.off {
		r.off[i] = rand.Int64N(fileSize/readSize) * readSize
	}
	if r.file, err = os.Open(filepath.Join(s.dir, "file")); err != nil {
		return failf(exitSystem, "%w", err)
	}
	defer r.file.Close()
	start := time.Now()
	if err := r.inContext(); err != nil {
		return failf(exitDiffer, "random reads: %w", err)
	}
	return r.report(time.Since(start))
}

// inContext makes a context and runs the reads in it, one goroutine writing requests and this one reading events.
func (r *reads) inContext() error {
	holder, err := os.Open(filepath.Join(r.s.mnt, "ctx/new"))
	if err != nil {
		return err
	}
	defer holder.Close()
	var n uint32
	if _, err := fmt.Fscan(holder, &n); err != nil {
		return err
	}
	dir := filepath.Join(r.s.mnt, "ctx", fmt.Sprint(n))
	if err := os.WriteFile(filepath.Join(dir, "files"), []byte("open 0 "+r.file.Name()+"\n"), 0); err != nil {
		return err
	}
	if r.buf, err = os.Open(filepath.Join(dir, "buf")); err != nil {
		return err
	}
	defer r.buf.Close()
	events, err := os.Open(filepath.Join(dir, "events"))
	if err != nil {
		return err
	}
	defer events.Close()
	submit, err := os.OpenFile(filepath.Join(dir, "submit"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	quit, wrote := make(chan struct{}), make(chan error, 1)
	go func() { wrote <- errors.Join(r.write(submit, quit), submit.Close()) }()
	err = r.reap(events)
	close(quit)
	return errors.Join(err, <-wrote)
}

// write submits the reads, each batch as large as there is room.
func (r *reads) write(submit *os.File, quit <-chan struct{}) error {
	var batch []byte
	for i := 0; i < readCount; {
		select {
		case part := <-r.free:
			batch = fmt.Appendf(batch, "pread slot=0 tag=%d off=%d len=%d buf=%d\n", i*readDepth+part, r.off[i], readSize, part*readSize)
			i++
		case <-quit:
			return nil
		}
		if len(r.free) > 0 && i < readCount {
			continue
		}
		if _, err := submit.Write(batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return nil
}

// reap reads events to their end, which comes because submit was closed and nothing is in flight.
func (r *reads) reap(events *os.File) error {
	defer r.s.progressEnd()
	lines := bufio.NewScanner(events)
	shown := time.Now()
	for lines.Scan() {
		if err := r.event(lines.Text()); err != nil {
			return err
		}
		if time.Since(shown) > 50*time.Millisecond {
			shown = time.Now()
			r.s.progress("%6d of %d", len(r.usec), readCount)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if len(r.usec) != readCount {
		return fmt.Errorf("%d events of %d", len(r.usec), readCount)
	}
	return nil
}

// event takes one event, compares what it brought with the file, and frees its part of buf.
func (r *reads) event(line string) error {
	var tag, res, seq, usec int
	var errno, op string
	if _, err := fmt.Sscanf(line, "%d %d %s seq=%d op=%s usec=%d", &tag, &res, &errno, &seq, &op, &usec); err != nil {
		return fmt.Errorf("the event %q: %w", line, err)
	}
	i, part := tag/readDepth, tag%readDepth
	if res != readSize || errno != "-" || i >= readCount || r.done[i] {
		return fmt.Errorf("the event %q was not expected", line)
	}
	var p [readSize]byte
	if _, err := r.buf.ReadAt(p[:], int64(part)*readSize); err != nil {
		return err
	}
	for at := 0; at < readSize; at += lineSize {
		if want := contentAt(r.off[i] + int64(at)); string(p[at:at+lineSize]) != want {
			return fmt.Errorf("tag %d brought other bytes than stand at offset %d", tag, r.off[i]+int64(at))
		}
	}
	r.done[i], r.crc[i] = true, crc32.ChecksumIEEE(p[:])
	r.usec = append(r.usec, usec)
	r.free <- part
	return nil
}

// report prints rate and latencies, and compares the checksum of all that was read with that of the file itself.
func (r *reads) report(took time.Duration) error {
	slices.Sort(r.usec)
	r.s.note("%.0f reads a second, comparing included; latency p50 %d us, p99 %d us",
		readCount/took.Seconds(), r.usec[readCount/2], r.usec[readCount*99/100])
	var crc [readCount]uint32
	var p [readSize]byte
	for i, off := range r.off {
		if _, err := r.file.ReadAt(p[:], off); err != nil {
			return failf(exitSystem, "%w", err)
		}
		crc[i] = crc32.ChecksumIEEE(p[:])
	}
	through, direct := digest(r.crc[:]), digest(crc[:])
	r.s.note("checksum through the context %s\nchecksum by pread            %s", through, direct)
	if through != direct {
		return failf(exitDiffer, "the checksums differ")
	}
	r.s.checks++
	return nil
}

// digest is a checksum of checksums, in the order of the requests.
func digest(crc []uint32) string {
	h := sha256.New()
	fmt.Fprint(h, crc)
	return fmt.Sprintf("%x", h.Sum(nil)[:12])
}
