package uring

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ioctx/engine"
)

func TestExpHashedWrites(t *testing.T) {
	h := mountHangFS(t)
	q := newTestQueue(t, start(t), 4096)
	var hung []*call
	for i := range 100 {
		c := newCall(engine.Request{Op: engine.OpWrite, Class: engine.ClassHang, FD: h.open(t, fmt.Sprint("hang", i)), Buf: []byte("x")})
		hung = append(hung, c)
	}
	t0 := time.Now()
	q.Submit(batchOf(hung...))
	fmt.Println("submit 100 hung", time.Since(t0))
	time.Sleep(300 * time.Millisecond)
	fmt.Println("writes that reached the fs:", h.asked.Load())
	var local []*call
	for range 64 {
		c := newCall(engine.Request{Op: engine.OpWrite, FD: tempFile(t, "", 10, unix.O_RDWR), Buf: []byte("x")})
		local = append(local, c)
	}
	q.Submit(batchOf(local...))
	time.Sleep(300 * time.Millisecond)
	n := 0
	for _, c := range local {
		n += len(c.done)
	}
	fmt.Println("local writes done of 64:", n)
	n = 0
	var ok []*call
	for i := range 64 {
		c := newCall(engine.Request{Op: engine.OpWrite, Class: engine.ClassHang, FD: h.open(t, fmt.Sprint("ok", i)), Buf: []byte("x")})
		ok = append(ok, c)
	}
	q.Submit(batchOf(ok...))
	time.Sleep(300 * time.Millisecond)
	for _, c := range ok {
		n += len(c.done)
	}
	fmt.Println("ok fuse writes done of 64:", n)
	h.letGo()
	for _, c := range append(append(hung, local...), ok...) {
		c.wait(t)
	}
}

func TestExpPty(t *testing.T) {
	q := newTestQueue(t, start(t), 16)
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(m)
	unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0)
	n, _ := unix.IoctlGetInt(m, unix.TIOCGPTN)
	s, err := unix.Open(fmt.Sprint("/dev/pts/", n), unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(s)
	c := newCall(engine.Request{Op: engine.OpWrite, Class: engine.ClassStream, FD: int32(s), Buf: make([]byte, 200000)})
	ret := make(chan int, 1)
	go func() { q.Submit(batchOf(c)); ret <- 1 }()
	select {
	case <-ret:
		fmt.Println("pty submit returned; done", len(c.done))
	case <-time.After(time.Second):
		fmt.Println("pty submit BLOCKS")
	}
	go func() {
		b := make([]byte, 65536)
		for {
			if n, err := unix.Read(m, b); n <= 0 || err != nil {
				return
			}
		}
	}()
	fmt.Println("pty write:", c.wait(t))
}

func TestExpThread(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	q := newTestQueue(t, start(t), 16)
	r, _ := pipe(t)
	c := newCall(engine.Request{Op: engine.OpRead, Class: engine.ClassStream, FD: r, Buf: mmap(t, 4096)})
	q.Submit(batchOf(c))
	hit := 0
	for range 10 {
		d := make(chan bool)
		go func() { runtime.LockOSThread(); d <- OnSubmitter() }()
		if <-d {
			hit++
		}
	}
	time.Sleep(100 * time.Millisecond)
	fmt.Println("locked goroutines on submitter threads:", hit, "of 10; read done:", len(c.done))
	if len(c.done) > 0 {
		fmt.Println(c.wait(t))
		return
	}
	q.Cancel(batchOf(c))
	fmt.Println(c.wait(t))
	_ = os.Stdout
}
