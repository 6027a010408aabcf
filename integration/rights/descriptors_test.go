package rights

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// compile builds one of the C programs.
func (d *daemon) compile(name string) string {
	d.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		testenv.Lacks(d, "no C compiler")
	}
	bin := filepath.Join(d.work, name)
	out, err := exec.Command(cc, "-O1", "-Wall", "-Werror", "-pthread", "-o", bin, "testdata/"+name+".c").CombinedOutput()
	if err != nil {
		d.Fatalf("%v: %s", err, out)
	}
	return bin
}

// A program for the system call changes only where its iocbs go.
func TestDropIn(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		bin := d.compile("dropin")
		for _, uid := range []int{nobody, root} {
			d.want(uid, bin+" $c $W/dropin-$UID || cat $c/error_log", "ok")
		}
	})
}

// A shell says fd=3, or fd=0 of a pipe.
func TestDescriptorsOfShells(t *testing.T) {
	const script = prelude + `
exec 3<file; echo 'pread fd=3 tag=1' > $c/submit; cut -d' ' -f1-3 $c/events; cat $c/out/1; echo
echo 'dup 7 fd=3' > $c/files; exec 3<&-; echo 'pread slot=7 off=1 tag=2' > $c/submit; cut -d' ' -f1-3 $c/events; cat $c/out/2; echo
sed "s|$W/||" $c/files
echo piped | { echo 'pread fd=0 tag=3' > $c/submit; cut -d' ' -f1-3 $c/events; cat $c/out/3; }
exec 4>>file; echo 'pwrite fd=4 str=! tag=4' > $c/submit; cut -d' ' -f1-3 $c/events; cat file; echo
`
	const want = "1 5 -\nhello\n2 4 -\nello\n7 open=rdonly file\n3 6 -\npiped\n4 1 -\nhello!\n"
	eachEngine(t, "", func(d *daemon) {
		for _, shell := range []string{"bash", "dash"} {
			if _, err := exec.LookPath(shell); err != nil {
				testenv.Lacks(t, "no %s", shell)
			}
			d.file("file", nobody, 0o600, "hello")
			if got := d.run(nobody, shell, "-c", script); got != want {
				d.Errorf("%s says:\n%s\nwant:\n%s", shell, got, want)
			}
		}
	})
}

func TestPipesSocketsEventfds(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		if got := d.role(nobody, "descriptors", d.dir); got != "ok" {
			d.Error(got)
		}
	})
}

// A process that is more than the owner, or was, lends its descriptors to nobody. The first of these passes every check of the
// effective uid alone; the last has its old descriptors although all its uids are the owner's.
func TestDescriptorsOfMixedProcesses(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		secret := d.file("secret", root, 0o600, "secret")
		for _, tt := range [][]string{
			{"0", "1234", "1234", "dumpable"}, {"0", "1234", "1234", "not"}, {"1234", "1234", "0", "dumpable"},
			{"65534", "1234", "1234", "dumpable"}, {"1234", "1234", "65534", "dumpable"}, {"1234", "1234", "1234", "not"},
		} {
			if got := d.role(root, "mixed", append([]string{d.dir, secret}, tt...)...); got != "EBADF" {
				d.Errorf("%v: %s", tt, got)
			}
		}
		// One that has become the owner in everything, and says that it is, is he.
		got := d.role(root, "mixed", d.dir, secret, "1234", "1234", "1234", "dumpable")
		if got == "EBADF" {
			d.Errorf("the owner himself: %s", got)
		}
	})
}

// Where the daemon may not trace its users (a container without SYS_PTRACE), a file is opened anew with the owner's rights, what
// cannot be is EBADF with the reason, and everything that needs neither works.
func TestWithoutPtrace(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		testenv.Lacks(t, "no setpriv")
	}
	for _, engine := range []string{"threads", "uring"} {
		t.Run(engine, func(t *testing.T) {
			d := mount(t, "engine="+engine, "setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all")
			d.file("file", nobody, 0o600, "hello")
			d.file("secret", root, 0o600, "secret")
			d.want(nobody, `
req pread $W/file; req pread ./file; req pread ./secret
echo 'open 1 open=rdonly ./file' > $c/files; req pread slot=1 keep=no
exec 3<file; req pread fd=3 keep=no
printf abc | req pread fd=0 keep=no
exec 3>file; echo 'pread fd=3' > $c/submit; cut -d: -f1 $c/error_log`,
				"5 -\n5 -\n-13 EACCES\n5 -\n5 -\n3 -\n"+
					"bash: line 10: echo: write error: Bad file descriptor\nline=1 EBADF the file is not open for reading")
			got := d.role(nobody, "descriptors", d.dir)
			if got == "ok" {
				d.Error("a socket was taken without the right to it")
			}
		})
	}
}
