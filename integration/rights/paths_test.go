package rights

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What its owner may not read is not read for him, though the daemon could.
func TestOpenWithTheOwnersRights(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		d.file("secret", root, 0o600, "secret")
		d.file("hers", other, 0o600, "hers")
		script := "req pread ./secret; req pread ./hers; req pread open=rdwr,creat ./made; stat -c %u:%g ./made; rm -f made\n"
		d.want(nobody, script, "-13 EACCES\n-13 EACCES\n0 -\n65534:65534")
		d.want(other, script, "-13 EACCES\n4 -\n0 -\n1234:1234")
		d.want(root, script, "6 -\n4 -\n0 -\n0:0")
		d.want(nobody, "echo 'open 1 open=rdonly ./secret' > $c/files", "bash: line 5: echo: write error: Permission denied")
	})
}

// A group that the owner was in when the context was made counts.
func TestOpenWithTheOwnersGroups(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		path := d.file("ours", root, 0o640, "ours")
		d.check(os.Chown(path, root, 4321))
		d.want(nobody, "req pread ./ours", "-13 EACCES")
		got := d.run(root, "setpriv", "--reuid", "1234", "--regid", "1234", "--groups", "4321", "bash", "-c", prelude+"req pread ./ours")
		if got != "4 -\n" {
			d.Errorf("a member of the group: %s", got)
		}
	})
}

// Nothing of the daemon's own is reached by a path.
func TestPathsIntoTheDaemon(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		for _, uid := range []int{nobody, root} {
			d.want(uid, `
for p in /proc/self/fd/0 /proc/self/maps /proc/self/root/etc/passwd /proc/$$/cwd/work $M/README $c/stat; do req pread $p; done
ln -sf $M/README link; req pread ./link; rm link`,
				"-40 ELOOP\n-13 EACCES\n-40 ELOOP\n-40 ELOOP\n-40 ELOOP\n-40 ELOOP\n-40 ELOOP")
			if got := d.sh(uid, "req pread /proc/1/root/etc/passwd"); got != "-40 ELOOP\n" && got != "-13 EACCES\n" {
				d.Errorf("uid %d reads through process 1: %s", uid, got)
			}
		}
		d.want(root, "req pread /dev/fuse", "-40 ELOOP")
		d.want(nobody, "exec 3<$M/README; echo 'pread fd=3' > $c/submit; cat $c/error_log",
			"bash: line 5: echo: write error: Too many levels of symbolic links\n"+
				"line=1 ELOOP descriptor 3: too many levels of symbolic links: pread fd=3")
	})
}

// A caller's root is his. The role has left it by the descriptor of a directory, by which it finds the mount.
func TestPathsInTheCallersRoot(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		jail := filepath.Join(d.work, "jail")
		d.check(os.MkdirAll(filepath.Join(jail, "etc"), 0o755))
		d.check(os.WriteFile(filepath.Join(jail, "etc/passwd"), []byte("inside"), 0o644))
		if got := d.role(root, "chrooted", d.dir, jail); got != "inside" {
			d.Errorf("a chrooted caller reads %q", got)
		}
	})
}

// Whoever exchanges a symbolic link while it is opened never gets what he may not read.
func TestSymlinkSwapped(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		d.file("secret", root, 0o600, "secret")
		d.file("mine", nobody, 0o600, "mine")
		if got := d.role(nobody, "swapper", d.dir, d.work); !strings.HasPrefix(got, "ok") {
			d.Error(got)
		}
	})
}

// A write by a user to a setuid file takes the bit off, as it would if he wrote himself.
func TestWriteClearsSetuid(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		for uid, mode := range map[int]string{nobody: "755", root: "4755"} {
			d.file("suid", uid, 0o755|os.ModeSetuid, "x")
			d.want(uid, "req pwrite str=y ./suid; stat -c %a suid", "1 -\n"+mode)
			d.file("suid", uid, 0o755|os.ModeSetuid, "x")
			d.want(uid, "exec 3<>suid; req pwrite fd=3 str=y; stat -c %a suid", "1 -\n"+mode)
		}
	})
}
