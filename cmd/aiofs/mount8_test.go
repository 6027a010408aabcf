package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// ownSystem prepares, in a mount namespace of its own, what a test of mount(8) changes: /srv and /run are empty, and
// the program, which is $aiofs, is installed. Mounts of other tests, which run meanwhile, are let go, since a copy keeps them alive.
const ownSystem = `findmnt -n -t fuse.aiofs,fuse.hang -o TARGET | while read -r m; do umount -l "$m" || :; done
mount -t tmpfs none /run; mount -t tmpfs none /srv
mount -t tmpfs none /usr/local/bin; ln -s "$aiofs" /usr/local/bin/aiofs; mkdir /srv/aio
`

// ownHelper puts a helper for mount(8) where it looks: a link, beside all else that is in /sbin.
const ownHelper = `mkdir /srv/sbin /srv/sbin-before; mount --bind /usr/sbin /srv/sbin-before
ln -s /srv/sbin-before/* /srv/sbin; ln -s "$aiofs" /srv/sbin/mount.fuse.aiofs
rm -f /srv/sbin/mount.fuse /srv/sbin/mount.fuse3
mount --bind /srv/sbin /usr/sbin
`

// inOwnSystem runs a shell script there. Its mounts go with it, and their daemons with them.
func inOwnSystem(t *testing.T, script string, env ...string) (out string, err error) {
	t.Helper()
	if os.Geteuid() != 0 {
		testenv.Lacks(t, "needs root, for a mount namespace")
	}
	needFuse(t)
	needTool(t, "unshare", "mount", "umount", "findmnt")
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "/bin/sh", "-ec", ownSystem+script)
	cmd.Env = append(append(os.Environ(), "aiofs="+binary, "LC_ALL=C"), env...)
	cmd.WaitDelay = testenv.Patience / 6
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// viaHelpers runs a test for each way in which mount(8) finds aiofs.
func viaHelpers(t *testing.T, test func(t *testing.T, prepare string)) {
	t.Run("mount.fuse.aiofs", func(t *testing.T) { test(t, ownHelper) })
	t.Run("mount.fuse3", func(t *testing.T) {
		if _, err := os.Stat("/sbin/mount.fuse3"); err != nil {
			testenv.Lacks(t, "fuse3 is not installed")
		}
		test(t, "")
	})
}

// mount, findmnt and umount of the system drive it.
func TestMount8(t *testing.T) {
	viaHelpers(t, func(t *testing.T, prepare string) {
		out, err := inOwnSystem(t, prepare+`
mount -t fuse.aiofs -o max_nr=7777,nofail,x-systemd.automount,noatime 'the source' /srv/aio
cat /srv/aio/aio-max-nr
findmnt -n -t fuse.aiofs -o SOURCE,TARGET,FSTYPE --raw
mkdir /srv/aio/ctx/3; echo 'noop tag=9' > /srv/aio/ctx/3/submit; sed 's/usec=.*//' /srv/aio/ctx/3/events
umount /srv/aio
echo left: $(findmnt -n -t fuse.aiofs)`)
		const want = "7777\nthe\\x20source /srv/aio fuse.aiofs\n9 0 - seq=1 op=noop \nleft:\n"
		if got := withoutLogNote(out); err != nil || got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	})
}

// withoutLogNote drops the line that says that there is no syslog here.
func withoutLogNote(out string) string {
	var kept strings.Builder
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "nothing is logged in the background") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// mount(8) passes on what aiofs says and how it ends.
func TestMount8Fails(t *testing.T) {
	viaHelpers(t, func(t *testing.T, prepare string) {
		for _, tt := range []struct{ args, status, says string }{
			{"-t fuse.aiofs -o wibble=3 none /srv/aio", "1", `aiofs: unknown option "wibble"`},
			{"-t fuse.aiofs -o ro none /srv/aio", "1", "aiofs: option ro is refused"},
			{"-t fuse.aiofs -o nr_events=0 none /srv/aio", "1", "aiofs: option nr_events must be between"},
			{"-t fuse.aiofs none /srv/nowhere", "32", "/srv/nowhere"},
			{"-t fuse.aiofs one /srv/aio; mount -t fuse.aiofs two /srv/aio", "32", "already mounted on /srv/aio"},
		} {
			out, err := inOwnSystem(t, prepare+"mount "+tt.args+" || echo status $?; umount /srv/aio 2> /dev/null || :")
			if err != nil || !strings.Contains(out, tt.says) || !strings.Contains(out, "\nstatus "+tt.status+"\n") {
				t.Errorf("mount %s: %v, %s; want status %s and %q", tt.args, err, out, tt.status, tt.says)
			}
		}
	})
}

// After kill -9 of the daemon mount(8) mounts again, and umount leaves nothing.
func TestMount8AfterKill(t *testing.T) {
	needTool(t, "pgrep", "fusermount3")
	out, err := inOwnSystem(t, ownHelper+`
mount -t fuse.aiofs first /srv/aio
pid=$(pgrep --ns $$ --nslist mnt -x aiofs); kill -9 $pid; while kill -0 $pid 2> /dev/null; do :; done
ls /srv/aio > /dev/null 2>&1 && echo 'it still answers'
mount -t fuse.aiofs second /srv/aio
findmnt -n -t fuse.aiofs -o SOURCE
fusermount3 -u /srv/aio
echo left: $(findmnt -n -t fuse.aiofs)`)
	if got := withoutLogNote(out); err != nil || got != "second\nleft:\n" {
		t.Errorf("%v: %q", err, got)
	}
}

// adminBlocks are what README.md tells administrators: a line of fstab(5), and commands that use it.
func adminBlocks(t *testing.T) (fstab, commands string) {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```fstab\n(.*?)```\n```sh admin\n(.*?)```").FindStringSubmatch(string(page))
	if m == nil {
		t.Fatal("README.md has no line for fstab with commands behind it")
	}
	return m[1], m[2]
}

// The example for fstab works as it stands there.
func TestREADMEForAdministrators(t *testing.T) {
	fstab, commands := adminBlocks(t)
	path := filepath.Join(t.TempDir(), "fstab")
	if err := os.WriteFile(path, []byte(fstab), 0o644); err != nil {
		t.Fatal(err)
	}
	viaHelpers(t, func(t *testing.T, prepare string) {
		out, err := inOwnSystem(t, prepare+`mount --bind "$fstab" /etc/fstab
`+commands+"echo left: $(findmnt -n -t fuse.aiofs)", "fstab="+path)
		if err != nil || !regexp.MustCompile(`(?s)\n/srv/aio +aiofs +fuse\.aiofs .*allow_other.*\nleft:\n$`).MatchString(out) {
			t.Errorf("%v: %s", err, out)
		}
	})
}
