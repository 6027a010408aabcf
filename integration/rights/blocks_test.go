package rights

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// ext4 makes a small file system, $W/fs, in which every user may write. readOnly is why this kernel can only read it, if so.
func (d *daemon) ext4(mkfs, opts string) (readOnly string) {
	d.Helper()
	image, mnt := filepath.Join(d.work, "image"), filepath.Join(d.work, "fs")
	sh := func(script string) string { return d.run(root, "sh", "-c", script, "sh", image, mnt, mkfs, opts) }
	if out := sh(`truncate -s 16M "$1" && mkfs.ext4 -q $3 "$1" && mkdir "$2"`); out != "" {
		testenv.Lacks(d, "no ext4 can be made: %s", out)
	}
	readOnly = sh(`mount -o "loop,$4" "$1" "$2"`)
	if readOnly != "" {
		if out := sh(`mount -o loop,ro "$1" "$2"`); out != "" {
			testenv.Lacks(d, "no ext4 on a loop device: %s", out)
		}
	}
	d.Cleanup(func() { // the daemon closes files in its own time
		testenv.Eventually(d, "umount", func() bool { return syscall.Unmount(mnt, 0) == nil })
	})
	if readOnly == "" {
		d.check(os.Chmod(mnt, 0o777|os.ModeSticky))
	}
	return readOnly
}

// eachOpen runs test with buffered and with direct I/O. open is what a request says of its file.
func eachOpen(test func(open string)) {
	for _, open := range []string{"", "open=wronly,direct"} {
		test(open)
	}
}

// The blocks that a file system keeps for root stay root's.
func TestReservedBlocks(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		if why := d.ext4("-m 50 -O ^has_journal", "defaults"); why != "" {
			testenv.Lacks(d, "no ext4 on a loop device: %s", why)
		}
		eachOpen(func(open string) {
			fill := "touch fs/f; for i in 0 1 2 3 4 5 6 7 8 9 10 11 12; do req pwrite buf=0 len=1M off=${i}M " + open + " ./fs/f; done; rm fs/f\n"
			user, all := d.sh(nobody, fill), d.sh(root, fill)
			few, many := strings.Count(user, "1048576 -"), strings.Count(all, "1048576 -")
			if few > 8 || many < few+4 || !strings.Contains(user, "ENOSPC") {
				d.Errorf("of 13 MiB %d are the user's, %d are root's:\n%s", few, many, user)
			}
		})
	})
}

// A quota holds for its user, whoever does his I/O, and stops the request that passes it and no other. Root, whose right it is to pass
// it, does.
func TestQuota(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		if why := d.ext4("-O ^has_journal,quota -E quotatype=usrquota", "usrquota"); why != "" {
			d.Skipf("no quotas in this kernel (CONFIG_QUOTA, CONFIG_QFMT_V2), without which such a file system is read-only: %s", why)
		}
		if out := d.run(root, d.compile("setquota"), filepath.Join(d.work, "fs"), "65534", "2048"); out != "" {
			d.Fatal(out)
		}
		eachOpen(func(open string) {
			used := d.sh(nobody, "touch fs/f; for i in 0 1 2 3 4 5; do req pwrite buf=0 len=1M off=${i}M "+open+" ./fs/f; done")
			if n := strings.Count(used, "1048576 -"); n < 1 || n > 2 || !strings.HasSuffix(used, "-122 EDQUOT\n") {
				d.Errorf("%q: of 2 MiB %d are the user's:\n%s", open, n, used)
			}
			more := `
{ echo "pwrite tag=1 buf=0 len=4K ` + open + ` ./fs/f"; echo "pwrite tag=2 buf=4K len=4K off=9M ` + open + ` ./fs/f"
  echo "pread tag=3 buf=8K len=4K ./fs/f"; echo "pwrite tag=4 buf=12K len=4K off=10M ` + open + ` ./fs/f"; } > $c/submit
cut -d' ' -f1-3 $c/events | sort`
			d.want(nobody, more, "1 4096 -\n2 -122 EDQUOT\n3 4096 -\n4 -122 EDQUOT")
			d.want(root, more, "1 4096 -\n2 4096 -\n3 4096 -\n4 4096 -")
			d.want(nobody, "rm fs/f", "")
		})
	})
}
