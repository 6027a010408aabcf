package integration

import (
	"strings"
	"testing"
)

// fill takes the only slot of a context and lets a second request wait for one, in the background as $writer.
const fill = `
echo 1 > $c/nr_events
echo 'noop tag=1' > $c/submit
echo 'noop tag=2' > $c/submit & writer=$!
until_stat slot_waits 1
`

// While one writer waits for a slot, others who need none do not. The last event is read by itself: the end of file may be owed to the dd
// before it, if that is still there when the writer closes.
func TestWriterHoldsUpNobody(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		r := s.daemon.run(s.cmd(fill + `
echo '# a comment' > $c/submit && echo comment
echo '# another' >> $c/submit && echo appended
/bin/echo nonsense > $c/submit || echo refused
echo 'noop tag=3' | dd oflag=nonblock conv=notrunc of=$c/submit status=none || echo nonblock
kill -0 $writer && echo waiting
cat $c/stat > stat && cat $c/inflight $c/nr_events && ls $c > ls && echo files
dd if=$c/events bs=200 count=1 status=none | cut -d' ' -f1
wait $writer && echo taken
read -r tag rest < $c/events && echo $tag`))
		s.want(r.stdout, "comment\nappended\nrefused\nnonblock\nwaiting\n1\nfiles\n1\ntaken\n2\n")
		if !strings.Contains(r.stderr, "Invalid argument") || !strings.Contains(r.stderr, "Resource temporarily unavailable") {
			t.Errorf("stderr: %s", r.stderr)
		}
	})
}

// polls gives an interrupt that should not have been heeded time to end a call: each is a question to the daemon and its answer.
const polls = `for i in 1 2 3 4 5 6 7 8 9 10; do stat submitted; done >/dev/null`

// The end of a background child, SIGCHLD, does not end the echo of its shell that waits for a slot.
func TestChildInterruptsNoWriter(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		got := s.run(`
echo 1 > $c/nr_events; echo 'noop tag=1' > $c/submit
until_stat slot_waits 1 & child=$!
{ until_ended $child; ` + polls + `; dd if=$c/events bs=200 count=1 status=none | cut -d' ' -f1; } &
echo 'noop tag=2' > $c/submit && echo taken
wait; read -r tag rest < $c/events && echo $tag`)
		s.want(sortedHead(got, 2), "1\ntaken\n2\n")
	})
}

// sortedHead sorts the first n lines, which come from two processes.
func sortedHead(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	if len(lines) > n && lines[0] > lines[1] {
		lines[0], lines[1] = lines[1], lines[0]
	}
	return strings.Join(lines, "")
}

// Nor does it end a read of events; and what job control and a terminal send to everyone does not either.
func TestChildInterruptsNoReader(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		got := s.run(`
exec 7<$c/events
{ until [ "$(state $$)" = S ]; do :; done; kill -WINCH $$; kill -CONT $$; kill -URG $$; } & child=$!
{ until_ended $child; ` + polls + `; echo 'noop tag=1' > $c/submit; } &
read -r tag rest <&7 && echo "read $tag"
wait; read -r tag rest <&7 || echo end`)
		s.want(got, "read 1\nend\n")
	})
}

// Another signal ends a wait with EINTR, for a shell that handles it. The echo of dash would try again.
func TestSignalInterruptsWriter(t *testing.T) {
	inShell(t, "bash", func(t *testing.T, s script) {
		r := s.daemon.run(s.cmd(`
trap 'echo handled' USR1
echo 1 > $c/nr_events; echo 'noop tag=1' > $c/submit
{ until_stat slot_waits 1; kill -USR1 $$; } &
echo 'noop tag=2' > $c/submit || echo interrupted
wait; cat $c/events | cut -d' ' -f1`))
		s.want(r.stdout, "handled\ninterrupted\n1\n")
		if !strings.Contains(r.stderr, "Interrupted system call") {
			t.Errorf("stderr: %s", r.stderr)
		}
	})
}

// A signal that ends the program ends it at once, and takes nothing with it.
func TestKilledReaderTakesNothing(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		got := s.run(`
cat $c/events & reader=$!
until_waits $reader
kill -KILL $reader; wait $reader 2>/dev/null || echo killed
echo 'noop tag=1' > $c/submit; cat $c/events | cut -d' ' -f1`)
		s.want(got, "killed\n1\n")
	})
}
