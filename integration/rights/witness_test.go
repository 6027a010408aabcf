package rights

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aiofs/aiofs/integration/internal/harness"
	"github.com/aiofs/aiofs/ring/testenv"
)

// fifo makes a FIFO for all users, held open at both ends.
func (d *daemon) fifo(name string) *os.File {
	d.Helper()
	path := filepath.Join(d.work, name)
	d.check(syscall.Mkfifo(path, 0o600))
	d.check(os.Chmod(path, 0o666))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	d.check(err)
	d.Cleanup(func() { f.Close() })
	return f
}

// completed waits until a context has completed so many requests.
func (d *daemon) completed(ctx string, n int) {
	d.Helper()
	testenv.Eventually(d, "the end of a read", func() bool {
		text, err := os.ReadFile(filepath.Join(ctx, "stat"))
		d.check(err)
		return strings.Contains(string(text), fmt.Sprintf("\ncompleted %d\n", n))
	})
}

// A process that executes another program, or ends, with a read in flight: nothing is written anywhere, the event says EFAULT, and
// the daemon lets go of its descriptor.
func TestCallerGone(t *testing.T) {
	eachEngine(t, "", func(d *daemon) {
		bin := d.compile("witness")
		pipe := d.fifo("pipe")
		d.want(nobody, "mkdir $M/ctx/5", "")
		ctx := filepath.Join(d.dir, "ctx/5")
		page := make([]byte, 4096)

		d.want(nobody, fmt.Sprintf("exec 3<pipe; exec %s read %s 3 exit", bin, ctx), "")
		_, err := pipe.Write(page)
		d.check(err)
		d.completed(ctx, 1)

		finish := d.begin(nobody, "watching\n", "bash", "-c", fmt.Sprintf("exec 3<$W/pipe; exec %s read %s 3 exec", bin, ctx))
		_, err = pipe.Write(page)
		d.check(err)
		d.completed(ctx, 2)
		if got := finish(); got != "watching\nclean\n" {
			d.Errorf("the next program says: %s", got)
		}
		d.want(nobody, "cut -d' ' -f1-3 "+ctx+"/events; rmdir "+ctx, "0 -14 EFAULT\n0 -14 EFAULT")
		testenv.Eventually(d, "the pipe's being let go", func() bool { return !d.holds("pipe") })
	})
}

// holds says whether the daemon has a file open.
func (d *daemon) holds(name string) bool {
	d.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.proc.Pid()))
	d.check(err)
	for _, fd := range fds {
		if link, _ := os.Readlink(fd); strings.HasSuffix(link, "/"+name) { // it may be closed by now
			return true
		}
	}
	return false
}

// recycle runs as the first process of a pid namespace, with a daemon in it: a process ends with a read in flight, another gets its
// number and watches, and the read ends.
const recycle = `
set -e
cd $W; mkdir mnt; mkfifo pipe ctl; touch log out; exec 4<>pipe 5<>ctl
$P $W/mnt -o allow_other,engine=$E >log 2>&1 & daemon=$!
until grep -q msg=mounted log; do kill -0 $daemon; done
c=$W/mnt/ctx/5; mkdir $c
( exec 3<pipe; exec $B read $c 3 exit ) & first=$!
wait $first
for try in $(seq 100); do
	echo $((first-1)) >/proc/sys/kernel/ns_last_pid
	$B watch <ctl >out & second=$!
	[ $second = $first ] && break
	kill $second
done
[ $second = $first ] || { echo "no number came again"; exit; }
until grep -q watching out; do kill -0 $second; done
head -c 4096 /dev/zero >&4
until grep -q '^completed 1$' $c/stat; do :; done
echo >&5; wait $second || :; cat out; cut -d' ' -f1-3 $c/events
rmdir $c; kill $daemon; wait $daemon
`

func TestNumberOfACallerRecycled(t *testing.T) {
	for _, engine := range []string{"threads", "uring"} {
		t.Run(engine, func(t *testing.T) {
			d := mount(t, "engine="+engine) // for its directories, and to see whether this engine is to be had
			d.check(os.Chmod(d.work, 0o777))
			bin := d.compile("witness")
			cmd := d.command(root, "unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", recycle)
			cmd.Env = append(cmd.Env, "P="+harness.Program, "B="+bin, "E="+engine)
			got := d.says(cmd)
			if _, err := exec.LookPath("unshare"); err != nil || strings.Contains(got, "unshare failed") {
				testenv.Lacks(t, "no pid namespaces: %s", got)
			}
			if got != "watching\nclean\n0 -14 EFAULT\n" {
				log, _ := os.ReadFile(filepath.Join(d.work, "log"))
				d.Errorf("it says:\n%s\nlog: %s", got, log)
			}
		})
	}
}
