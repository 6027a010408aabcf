package rights

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A context is its owner's: nobody else enters it, nor removes it, root aside.
func TestContextsOfOthers(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		d.want(other, "mkdir $M/ctx/7; stat -c %U:%a $M/ctx/7 | sed s/UNKNOWN/1234/", "1234:700")
		got := d.sh(nobody, `
cd $M/ctx/7 && echo entered; ls $M/ctx/7 && echo listed; cat $M/ctx/7/stat && echo read
echo noop > $M/ctx/7/submit && echo submitted; rmdir $M/ctx/7 && echo removed; mv $M/ctx/7 $M/ctx/8 && echo moved
echo 5 > $M/aio-max-nr && echo changed; ls -d $M/ctx/7`)
		if strings.Contains(got, "ed\n") && !strings.Contains(got, "denied") || strings.Count(got, "denied") < 5 ||
			!strings.HasSuffix(got, "/ctx/7\n") {
			d.Errorf("another user says:\n%s", got)
		}
		for _, word := range []string{"entered", "listed", "read\n", "submitted", "removed", "moved", "changed"} {
			if strings.Contains(got, word) {
				d.Errorf("another user has %s:\n%s", word, got)
			}
		}
		d.want(other, "echo noop > $M/ctx/7/submit; cut -d' ' -f1-3 $M/ctx/7/events; rmdir $M/ctx/7; mkdir $M/ctx/9", "1 0 -")
		d.want(root, "rmdir $M/ctx/9", "")
	})
}

// `sudo something > submit` gains nobody anything.
func TestDeputy(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		secret := d.file("secret", root, 0o600, "secret")
		if got := d.role(root, "deputy", d.dir, secret); got != "ok" {
			d.Error(got)
		}
	})
}

// The real-time I/O class is for who has the capability, whatever io_uring lets through.
func TestRealTimeClass(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		d.file("file", nobody, 0o644, "hello")
		const script = "req pread keep=no ioprio=be:3 ./file; req pread keep=no ioprio=rt:0 ./file; exec 3<file\n" +
			"echo 'pread fd=3 ioprio=rt:0' > $c/submit 2>/dev/null || cut -d' ' -f1-2 $c/error_log"
		d.want(nobody, script, "5 -\n-1 EPERM\nline=1 EPERM")
		d.want(root, script, "5 -\n5 -")
	})
}

// threads are what /proc says of the daemon's threads, by thread id.
func (d *daemon) threads() map[int]string {
	d.Helper()
	all := make(map[int]string)
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.proc.Pid()))
	d.check(err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		tid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil {
			all[tid] = string(text)
		}
	}
	return all
}

// personalities are what /proc says of those of the daemon's rings, where the kernel tells. (TestWriteClearsSetuid and
// TestReservedBlocks show what they can do.)
func (d *daemon) personalities() (all []string) {
	d.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", d.proc.Pid()))
	d.check(err)
	for _, path := range paths {
		text, _ := os.ReadFile(path) // it may be closed by now
		if _, list, found := strings.Cut(string(text), "Personalities:\n"); found {
			all = append(all, list)
		}
	}
	return all
}

// Whoever does a user's I/O has none of the daemon's capabilities then, and cannot be sent a signal by the user.
func TestThreadsThatWorkForUsers(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		d.file("file", nobody, 0o644, "hello")
		finish := d.begin(nobody, "done\n", "bash", "-c", prelude+`
for i in 1 2 3 4 5 6 7 8; do echo "pread keep=no ./file"; done > $c/submit; cut -d' ' -f2 $c/events | tail -1
for t in /proc/$D/task/*; do kill -0 ${t##*/} 2>/dev/null && echo "signalled ${t##*/}"; done
echo done; read -r line`)
		working := 0
		for tid, status := range d.threads() {
			for line := range strings.Lines(status) {
				if f := strings.Fields(line); f[0] == "Uid:" && f[4] != "0" {
					working++
					if !strings.Contains(status, "CapEff:\t0000000000000000\n") || strings.Join(f[1:4], " ") != "0 0 0" {
						d.Errorf("thread %d works for %s with\n%s", tid, f[4], status)
					}
				}
			}
		}
		if working == 0 {
			d.Error("no thread works for the user")
		}
		for _, list := range d.personalities() {
			if !strings.Contains(list, "CapEff: 0000000000000000") && !strings.Contains(list, "CapEff:\t0000000000000000") {
				d.Errorf("a personality: %s", list)
			}
		}
		if got := finish(); got != "5\ndone\n" {
			d.Errorf("the user says:\n%s", got)
		}
	})
}

// A root without capabilities, as a container's may be, gains none of the daemon's; nor does one in a user namespace, whose
// capabilities are worth nothing outside.
func TestRootWithoutCapabilities(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		d.file("his", nobody, 0o600, "his")
		d.file("secret", root, 0o600, "secret")
		const script = prelude + "req pread keep=no $W/his; req pread keep=no $W/secret; req pread keep=no ioprio=rt:1 $W/secret"
		for _, tt := range []struct {
			uid  int
			as   []string
			want string
		}{
			{root, nil, "3 -\n6 -\n6 -\n"},
			{root, []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}, "-13 EACCES\n6 -\n-1 EPERM\n"},
			{other, []string{"unshare", "-Ur"}, "-13 EACCES\n-13 EACCES\n-13 EACCES\n"},
		} {
			got := d.run(tt.uid, append(tt.as, "bash", "-c", script)...)
			if strings.Contains(got, "unshare failed") {
				t.Logf("no user namespaces here: %s", got)
			} else if got != tt.want {
				d.Errorf("%v as %d says:\n%s\nwant:\n%s", tt.as, tt.uid, got, tt.want)
			}
		}
		// What a root without capabilities has opened for him, one with all of them must not lend his descriptors to.
		d.want(root, `exec 3<$W/his
setpriv --bounding-set=-all --inh-caps=-all bash -c 'mkdir $M/ctx/5'
echo 'pread fd=3' > $M/ctx/5/submit || cut -d: -f1 $M/ctx/5/error_log; rmdir $M/ctx/5`,
			"bash: line 7: echo: write error: Bad file descriptor\nline=1 EBADF the writer has capabilities that the context's owner has not")
	})
}

// A full share stops its user and nobody else.
func TestShares(t *testing.T) {
	t.Run("events", func(t *testing.T) {
		d := mount(t, "nr_events=10,user_max_nr=25")
		const fill = "mkdir $M/ctx/$UID && mkdir $M/ctx/1$UID; echo 16 > $c/nr_events\n"
		d.share(fill, "Resource temporarily unavailable", 2)
	})
	t.Run("bytes", func(t *testing.T) {
		d := mount(t, "user_max_buf=3M")
		d.check(os.Truncate(d.file("zeros", root, 0o644, ""), 2<<20))
		const fill = "req pread tag=1 ./zeros; req pread tag=2 ./zeros; rm $c/out/1; req pread tag=3 ./zeros\n" +
			"truncate -s 4M $c/buf || echo 'buf is not bigger'\n"
		d.share(fill, "2097152 -\n-28 ENOSPC\n2097152 -\ntruncate: ", 1)
	})
	t.Run("files", func(t *testing.T) {
		d := mount(t, "user_max_files=3")
		const fill = "for i in 1 2 3 4; do echo \"open $i open=rdonly /etc/passwd\" > $c/files; done\n" +
			"req pread keep=no /etc/passwd | sed 's/-24 EMFILE/Too many open files/'\n" +
			"exec 3</etc/passwd; echo 'pread fd=3' > $c/submit; echo 'close 1' > $c/files; req pread keep=no len=1 /etc/passwd\n"
		d.share(fill, "Too many open files", 3)
	})
	t.Run("contexts", func(t *testing.T) {
		d := mount(t, "nr_events=1,user_max_files=8")
		d.share("for i in $(seq 100 116); do mkdir $M/ctx/$i$UID; done\n", "Resource temporarily unavailable", 2)
	})
}

// share has one user fill his share and go on holding it, while another, and root, fill theirs with the same result.
func (d *daemon) share(fill, full string, times int) {
	d.Helper()
	finish := d.begin(nobody, "full\n", "bash", "-c", prelude+fill+"echo full; read -r line; true")
	for _, said := range []string{d.sh(other, fill), d.sh(root, fill), finish()} {
		if got := strings.Count(said, full); got != times {
			d.Errorf("%d times %q, want %d:\n%s", got, full, times, said)
		}
	}
	for _, c := range d.contexts() {
		d.check(syscall.Rmdir(c))
	}
}

// contexts are the directories of those that stay.
func (d *daemon) contexts() []string {
	d.Helper()
	all, err := filepath.Glob(filepath.Join(d.dir, "ctx/[0-9][0-9][0-9]*"))
	d.check(err)
	return all
}
