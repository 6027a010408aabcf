package fsnode

import (
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBuf(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	f, err := os.OpenFile(dir+"/buf", os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	const size = 1 << 20
	big := bytes.Repeat([]byte("0123456789abcdef"), size/16) // more than one FUSE WRITE
	if n, err := unix.Pwrite(fd, big, 0); n != size || err != nil {
		t.Errorf("pwrite: %d %v", n, err)
	}
	if got, err := io.ReadAll(f); !bytes.Equal(got, big) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if n, err := unix.Pwrite(fd, []byte("abc"), size-2); n != 2 || err != nil {
		t.Errorf("across the end: %d %v", n, err)
	}
	_, err = unix.Pwrite(fd, []byte("a"), size)
	wantErrno(t, "past the end", err, syscall.ENOSPC)

	wantErrno(t, "shrink", os.Truncate(dir+"/buf", size-1), syscall.EBUSY)
	wantErrno(t, "over max_buf", os.Truncate(dir+"/buf", 1<<30), syscall.ENOSPC)
	wantErrno(t, "grow", os.Truncate(dir+"/buf", 2*size), 0)
	wantErrno(t, "truncate to 0", f.Truncate(0), 0)
	if fi, err := f.Stat(); err != nil || fi.Size() != 2*size {
		t.Errorf("size %d %v", fi.Size(), err)
	}
	if n, err := unix.Pread(fd, big[:3], size-2); n != 3 || string(big[:3]) != "ab\x00" || err != nil {
		t.Errorf("pread: %d %q %v", n, big[:3], err)
	}
	write(t, dir+"/submit", "pwrite off=0 len=1 buf=0 open=wronly /dev/null\n")
	read(t, dir+"/events") // to its end
	wantErrno(t, "grow after use", os.Truncate(dir+"/buf", 3*size), syscall.EBUSY)
	wantErrno(t, "> after use", os.Truncate(dir+"/buf", 0), 0)
}

func TestOut(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	file := t.TempDir() + "/file"
	content := bytes.Repeat([]byte("x y z\n"), 50_000)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/submit", "pread tag=18446744073709551615 "+file+"\npread tag=7 len=5 off=2 "+file+"\n")
	got := m.sh(t, "sh", `cat ctx/1/events >/dev/null; cd ctx/1/out; ls -s --block-size=1 | wc -l; cat 7; rm 7; cat 18446744073709551615 | wc -c`).wait()
	if got := strings.Join(strings.Fields(got), "|"); got != "3|y|z|x300000" {
		t.Errorf("%q", got)
	}
	const max = "/out/18446744073709551615"
	st := lstat(t, dir+max)
	if listed := inodes(t, dir+"/out"); st.Size != int64(len(content)) || st.Mode != syscall.S_IFREG|0o400 || listed[max[5:]] != st.Ino || len(listed) != 1 {
		t.Errorf("size %d mode %o inode %d, listed %v", st.Size, st.Mode, st.Ino, listed)
	}
	for _, name := range []string{"7", "007", "018446744073709551615", "18446744073709551616", "x", "-1"} {
		_, err := os.Stat(dir + "/out/" + name)
		wantErrno(t, name, err, syscall.ENOENT)
	}
	f, err := os.Open(dir + max)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(dir + max); err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "rm again", os.Remove(dir+max), syscall.ENOENT)
	if fi, err := f.Stat(); err != nil || fi.Size() != int64(len(content)) {
		t.Error("fstat after rm: ", err)
	}
	if rest, err := io.ReadAll(f); err != nil || !bytes.Equal(rest, content) {
		t.Errorf("after rm: %d bytes, %v", len(rest), err)
	}
	if n, err := f.ReadAt(make([]byte, 10), int64(len(content))-4); n != 4 || err != io.EOF {
		t.Errorf("at the end: %d %v", n, err)
	}
	wantErrno(t, "rmdir with out/", os.Remove(dir), 0)
	_, err = f.ReadAt(make([]byte, 10), 0)
	wantErrno(t, "after the kill", err, syscall.EINVAL)
}

func TestFiles(t *testing.T) {
	m := newMount(t)
	dir := m.context(t, "8")
	got := m.sh(t, "sh", `cd ctx/1; echo 'open 3 open=rdonly /etc/passwd' >files; echo 'open 1023 open=rdwr /dev/null' >>files; cat files
		printf 'close 3\nopen 4 open=rdonly ./stat\n' >files || cat files`).wait()
	if want := "3 open=rdonly /etc/passwd\n1023 open=rdwr /dev/null\n1023 open=rdwr /dev/null\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	wantErrno(t, "no such file", tryWrite(dir+"/files", "open 5 /no/such/file\n"), syscall.ENOENT)
	wantErrno(t, "bad slot", tryWrite(dir+"/files", "open 1024 /dev/null\n"), syscall.EINVAL)
	f, err := os.OpenFile(dir+"/files", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); string(b) != "1023 open=rdwr /dev/null\n" || err != nil {
		t.Errorf("O_RDWR reads %q %v", b, err)
	}
	if _, err := f.WriteString("close 1023\n"); err != nil || read(t, dir+"/files") != "" {
		t.Error("O_RDWR writes: ", err)
	}
}
