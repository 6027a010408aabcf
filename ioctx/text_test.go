package ioctx

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

func TestTextByPath(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		path := filepath.Join(t.TempDir(), "a file")
		if err := os.WriteFile(path, []byte("hello, world"), 0o666); err != nil {
			t.Fatal(err)
		}
		c := e.setup(1)
		e.submit(c, "pread tag=7 off=7 "+path+"\n")
		want := `^7 5 - seq=1 op=pread usec=\d+ ` + regexp.QuoteMeta(path) + "\n$"
		if got := e.cat(c); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("events %q, want %s", got, want)
		}
		o, err := c.Out(7)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Put()
		b := make([]byte, 100)
		if n, _ := o.ReadAt(b, 0); string(b[:n]) != "world" {
			t.Errorf("out/7 is %q", b[:n])
		}
		e.submit(c, "pread tag=8 /no/such\npread tag=7 "+path+"\npwrite str=HELLO open=wronly "+path+"\n")
		got := e.cat(c)
		for _, want := range []string{"8 -2 ENOENT seq=2 ", "7 -17 EEXIST seq=3 ", "4 5 - seq=4 op=pwrite "} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in %q", want, got)
			}
		}
		if b, _ := os.ReadFile(path); string(b) != "HELLO, world" {
			t.Errorf("the file is %q", b)
		}
	})
}

func TestStream(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *env) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		c := e.setup(1)
		if err := c.SetNrEvents(128); err != nil {
			t.Fatal(err)
		}
		const n = 20000
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "pread keep=no tag=%d %s\n", i, path)
		}
		done := make(chan error, 1)
		s := e.submitter(c, false)
		go func() {
			defer s.Close()
			for rest := text.String(); rest != ""; {
				n, err := s.Write([]byte(rest[:min(len(rest), 131000)]), self, newDeadline(testenv.Patience))
				if err != nil {
					done <- err
					return
				}
				rest = rest[n:]
			}
			done <- nil
		}()
		seen := make(map[string]int)
		for line := range strings.Lines(e.cat(c)) {
			seen[line[:strings.IndexByte(line, ' ')]]++
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(seen) != n {
			t.Errorf("%d tags of %d", len(seen), n)
		}
		for tag, n := range seen {
			if n != 1 {
				t.Errorf("tag %s came %d times", tag, n)
			}
		}
	})
}

func TestRefusal(t *testing.T) {
	e := threadsEnv(t, Config{})
	c := e.setup(1)
	s := e.submitter(c, false)
	defer s.Close()
	_, err := s.Write([]byte("nonsense\n"), self, nil)
	wantErrno(t, "nonsense", err, syscall.EINVAL)
	if n, err := s.Write([]byte("noop\n# a comment\n\nnoop lenn=1\nnoop\n"), self, nil); n != 5 || err != nil {
		t.Errorf("took %d, %v", n, err)
	}
	log := string(c.ErrorLog())
	for _, want := range []string{"line=1 EINVAL ", ": nonsense\n", "line=5 EINVAL ", `"lenn"`} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in %q", want, log)
		}
	}
}
