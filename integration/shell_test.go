package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// A script runs in a shell on a mount. $M is the mount, and the working directory is d.work.
type script struct {
	*daemon
	shell string
}

// eachShell runs test with either engine and either shell.
func eachShell(t *testing.T, test func(t *testing.T, s script)) {
	for _, shell := range []string{"bash", "dash"} {
		t.Run(shell, func(t *testing.T) { inShell(t, shell, test) })
	}
}

func inShell(t *testing.T, shell string, test func(t *testing.T, s script)) {
	path, err := exec.LookPath(shell)
	if err != nil {
		testenv.Lacks(t, "%v", err)
	}
	eachEngine(t, func(t *testing.T, d *daemon) { test(t, script{d, path}) })
}

// prelude makes a context that lives as long as the script, in $c. The functions wait for what the daemon or the kernel says:
// they poll, since a shell can do nothing better.
const prelude = `set -u
exec 9<"$M/ctx/new"; read -r n <&9; c=$M/ctx/$n
stat() { while read -r key value; do [ "$key" != "$1" ] || echo "$value"; done <"$c/stat"; }
until_stat() { until [ "$(stat "$1")" = "$2" ]; do :; done; }
state() { read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && echo "$state"; }
until_waits() { until [ "$(state "$1")" = S ] && [ "$(cat "/proc/$1/comm")" = cat ]; do :; done; } # of a cat
until_ended() { until [ "$(state "$1")" = Z ] || ! [ -e "/proc/$1" ]; do :; done; }
`

func (s script) cmd(text string) *exec.Cmd {
	cmd := exec.Command(s.shell, "-c", prelude+text)
	cmd.Dir = s.work
	cmd.Env = append(os.Environ(), "M="+s.dir, "LC_ALL=C", "ENV=", "BASH_ENV=")
	return cmd
}

// run runs a script that must succeed, and returns what it printed.
func (s script) run(text string) string {
	s.t.Helper()
	r := s.daemon.run(s.cmd(text))
	if r.status != 0 || r.stderr != "" {
		s.t.Fatalf("status %d, stderr: %s\nstdout: %s", r.status, harness.Tail(r.stderr), harness.Tail(r.stdout))
	}
	return r.stdout
}

// file makes a file in the working directory.
func (s script) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.work, name)
	s.check(os.WriteFile(path, []byte(content), 0o600))
	return path
}

// want compares what a script printed.
func (s script) want(got, want string) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("got:\n%s\nwant:\n%s", harness.Tail(got), harness.Tail(want))
	}
}

// numbered is n lines of which each is known.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%07d\n", i)
	}
	return b.String()
}

func TestReadByShell(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		file := s.file("file", numbered(100))
		got := s.run(`
echo 'pread len=100 tag=1 ` + file + `' > $c/submit
cat $c/events | cut -d' ' -f1-5,7
cat $c/out/1; echo
echo 'pread off=8 len=7 tag=2 ./file' > $c/submit; cat $c/events | cut -d' ' -f1-5,7
cat $c/out/2; echo
rm $c/out/1; ls $c/out`)
		s.want(got, "1 100 - seq=1 op=pread "+file+"\n"+numbered(100)[:100]+"\n"+
			"2 7 - seq=2 op=pread ./file\n0000001\n2\n")
	})
}

func TestWriteByShell(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		s.file("file", "0123456789")
		got := s.run(`
{ printf '%s\n' 'pwrite tag=1 off=2 str=\101\040B ./file'
  echo 'pwrite tag=2 open=wronly,creat str=new ./a name with blanks'; } > $c/submit
cat $c/events | cut -d' ' -f1-3 | sort
echo 'fdsync tag=3 ./file' > $c/submit; cat $c/events | cut -d' ' -f1-3
cat file 'a name with blanks'`)
		s.want(got, "1 3 -\n2 3 -\n3 0 -\n01A B56789new")
	})
}

func TestLoopsOverEvents(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		s.file("file", numbered(100))
		got := s.run(`
submit() { { for i in 1 2 3 4 5; do echo "pread len=$i keep=no tag=$i ./file"; done; } > $c/submit; }
submit; cat $c/events | while read -r tag res err rest; do echo "$tag $res $err"; done | sort
submit; while read -r tag res err rest; do echo "$tag $res $err"; done < $c/events | sort`)
		once := "1 1 -\n2 2 -\n3 3 -\n4 4 -\n5 5 -\n"
		s.want(got, once+once)
	})
}

// The echo of dash only says "I/O error", whatever it was.
func TestRefusalInShell(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		s.file("file", "")
		r := s.daemon.run(s.cmd(`
echo nonsense > $c/submit && echo accepted
/bin/echo 'pread tag=3 lenght=64 ./file' > $c/submit && echo accepted
cat $c/error_log; stat in_flight; cat $c/events`))
		lines := strings.Split(r.stdout, "\n")
		if len(lines) != 4 || !strings.HasPrefix(lines[0], "line=1 EINVAL ") || !strings.Contains(lines[0], `"nonsense"`) ||
			!strings.HasSuffix(lines[0], ": nonsense") || !strings.Contains(lines[1], "lenght") || lines[2] != "0" || lines[3] != "" {
			t.Errorf("stdout: %s", r.stdout)
		}
		want := 2
		if filepath.Base(s.shell) == "dash" {
			want = 1
		}
		if strings.Count(r.stderr, "Invalid argument") != want || strings.Count(r.stderr, "rror") != 2 {
			t.Errorf("stderr: %s", r.stderr)
		}
	})
}

// A file whose name holds a newline and a request is a file, also where it comes first.
func TestNamesAreOnlyNames(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		victim := s.file("victim", "unharmed")
		evil := "x\npwrite str=harmed " + victim + "\n"
		for _, dir := range []string{"alone", "many"} {
			s.check(os.MkdirAll(filepath.Join(s.work, dir, evil), 0o700))
			s.check(os.WriteFile(filepath.Join(s.work, dir, evil+"/y\n"), []byte("four"), 0o600))
		}
		want := []string{`4 - ./many/` + strings.ReplaceAll(evil, "\n", `\012`) + `/y\012`}
		for _, name := range []string{"a b", `back\slash`, `\012`, "#", "tag=1", "-", "ends with a blank ", "\xff"} {
			s.check(os.WriteFile(filepath.Join(s.work, "many", name), []byte("four"), 0o600))
			want = append(want, "4 - ./many/"+strings.ReplaceAll(name, `\`, `\134`))
		}
		columns := ` | sed -E 's/^[0-9]+ ([^ ]+ [^ ]+) seq=[0-9]+ op=pread usec=[0-9]+ /\1 /' | LC_ALL=C sort`
		find := func(dir string) string {
			return "find ./" + dir + ` -type f -printf 'pread keep=no %p\0' > $c/submit; cat $c/events`
		}
		alone := s.run(find("alone") + columns)
		s.want(alone, strings.Replace(want[0], "many", "alone", 1)+"\n")
		many := s.run(find("many") + columns)
		sorted := s.run("cat <<'END' | LC_ALL=C sort\n" + strings.Join(want, "\n") + "\nEND")
		s.want(many, sorted)
		if b, err := os.ReadFile(victim); string(b) != "unharmed" || err != nil {
			t.Errorf("the victim holds %q, %v", b, err)
		}
	})
}

// A request that is cut off by the last close was none, and is said to be.
func TestCutByShell(t *testing.T) {
	eachShell(t, func(t *testing.T, s script) {
		s.file("file", numbered(10))
		got := s.run(`
printf 'pread tag=1 len=1 ./file\npread tag=2 len=1' > $c/submit
cat $c/events | cut -d' ' -f1-3
until_stat cut 1; cat $c/error_log
{ printf 'pread tag=3 '; printf 'len=5 ./fi'; printf 'le\n'; } > $c/submit
cat $c/events | cut -d' ' -f1-3`)
		s.want(got, "1 1 -\nline=2 EINVAL cut off by the close, not taken: pread tag=2 len=1\n3 5 -\n")
	})
}
