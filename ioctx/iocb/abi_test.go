package iocb

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aiofs/aiofs/ring/testenv"
)

// headers compiles and runs testdata/abi.c, and returns its lines as a map from name to values.
func headers(t *testing.T) map[string]string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		testenv.Lacks(t, "no C compiler to compare with the headers")
	}
	exe := filepath.Join(t.TempDir(), "abi")
	if out, err := exec.Command(cc, "-o", exe, "testdata/abi.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(exe).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[name] = value
	}
	return values
}

func TestABI(t *testing.T) {
	want := headers(t)
	got := map[string]string{}
	typ := reflect.TypeFor[Iocb]()
	got["sizeof"] = fmt.Sprint(typ.Size())
	fields := map[string]string{
		"Data": "aio_data", "Key": "aio_key", "RWFlags": "aio_rw_flags", "LioOpcode": "aio_lio_opcode", "Reqprio": "aio_reqprio",
		"Fildes": "aio_fildes", "Buf": "aio_buf", "Nbytes": "aio_nbytes", "Offset": "aio_offset", "Reserved2": "aio_reserved2",
		"Flags": "aio_flags", "Resfd": "aio_resfd",
	}
	for f := range typ.Fields() {
		if name := fields[f.Name]; name != "" {
			got[name] = fmt.Sprint(f.Offset, f.Type.Size())
		}
	}
	for name, v := range map[string]int{
		"IOCB_CMD_PREAD": int(CmdPread), "IOCB_CMD_PWRITE": int(CmdPwrite), "IOCB_CMD_FSYNC": int(CmdFsync),
		"IOCB_CMD_FDSYNC": int(CmdFdsync), "IOCB_CMD_POLL": int(CmdPoll), "IOCB_CMD_NOOP": int(CmdNoop),
		"IOCB_CMD_PREADV": int(CmdPreadv), "IOCB_CMD_PWRITEV": int(CmdPwritev),
		"IOCB_FLAG_RESFD": FlagResfd, "IOCB_FLAG_IOPRIO": FlagIoprio,
		"RWF_HIPRI": rwfHipri, "RWF_DSYNC": rwfDsync, "RWF_SYNC": rwfSync, "RWF_NOWAIT": rwfNowait, "RWF_APPEND": rwfAppend,
		"RWF_NOAPPEND": rwfNoappend, "RWF_ATOMIC": rwfAtomic, "RWF_DONTCACHE": rwfDontcache, "RWF_NOSIGNAL": rwfNosignal,
		"POLLRDNORM": pollRdnorm, "POLLRDBAND": pollRdband, "POLLWRNORM": pollWrnorm, "POLLWRBAND": pollWrband, "POLLMSG": pollMsg,
	} {
		got[name] = fmt.Sprint(v)
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s is %q, in the headers %q", name, got[name], w)
		}
	}
}

// full is an iocb with another value in every field.
func full() Iocb {
	return Iocb{
		Data: 0x1112131415161718, Key: 0x21222324, RWFlags: 0x31323334, LioOpcode: 0x4142, Reqprio: -0x5152, Fildes: 0x61626364,
		Buf: 0x7172737475767778, Nbytes: 0x0182838485868788, Offset: -0x1192939495969798, Reserved2: 0xa1a2a3a4a5a6a7a8,
		Flags: 0xb1b2b3b4, Resfd: 0xc1c2c3c4,
	}
}

func TestAppendToIsTheStruct(t *testing.T) {
	c := full()
	b := c.AppendTo([]byte("before"))
	if string(b[:6]) != "before" || len(b) != 6+Size {
		t.Fatalf("not appended: %d bytes", len(b))
	}
	b = b[6:]
	if back := unpack([Size]byte(b)); back != c {
		t.Errorf("unpacked %+v, want %+v", back, c)
	}
	// By the offsets of the struct, which TestABI compares with the header.
	v := reflect.ValueOf(c)
	for f, field := range v.Fields() {
		if f.Name == "_" {
			continue
		}
		var want uint64
		if field.CanInt() {
			want = uint64(field.Int())
		} else {
			want = field.Uint()
		}
		for i := range f.Type.Size() {
			if got := b[f.Offset+i]; got != byte(want>>(8*i)) {
				t.Errorf("%s: byte %d is %#x", f.Name, i, got)
			}
		}
	}
}
