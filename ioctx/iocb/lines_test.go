package iocb

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseFiles(t *testing.T) {
	for line, want := range map[string]FilesLine{
		"open 0 /f":                           {Verb: FilesOpen, Path: "/f"},
		" open  1023  open=rdwr,creat ./a b ": {Verb: FilesOpen, Slot: 1023, Path: "./a b ", OpenFlags: unix.O_RDWR | unix.O_CREAT},
		`open 1 path=a\040b open=wronly`:      {Verb: FilesOpen, Slot: 1, Path: "a b", OpenFlags: unix.O_WRONLY},
		"open 1 open=append path=":            {Verb: FilesOpen, Slot: 1, OpenFlags: unix.O_APPEND},
		"close 7":                             {Verb: FilesClose, Slot: 7},
		"close 7 ":                            {Verb: FilesClose, Slot: 7},
		"dup 3 fd=2147483647":                 {Verb: FilesDup, Slot: 3, FD: 1<<31 - 1},
	} {
		got, err := ParseFiles([]byte(line))
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v, want %+v", line, got, err, want)
		}
	}
}

func TestParseFilesRefuses(t *testing.T) {
	for line, words := range map[string]string{
		"":                        `unknown verb ""`,
		"opn 1 /f":                `unknown verb "opn"`,
		"open":                    `open wants a slot from 0 to 1023, got ""`,
		"open /f":                 `open wants a slot from 0 to 1023, got "/f"`,
		"close 1024":              `got "1024"`,
		"close -1":                `got "-1"`,
		"open 1":                  "open needs PATH or path=",
		"open 1 open=rdwr":        "open needs PATH or path=",
		"open 1 path=a /f":        "exclude each other",
		"open 1 path=a path=a":    `key "path" given twice`,
		"open 1 open=rdwr,excl /": `unknown word "excl"`,
		"open 1 fd=3 /f":          `key "fd" does not belong to open`,
		"open 1 /a\x00":           "holds a NUL",
		"close 1 /f":              `"/f" is not KEY=VALUE`,
		"close 1 fd=1":            `key "fd" does not belong to close`,
		"dup 1":                   "dup needs fd=",
		"dup 1 fd=1 fd=2":         `key "fd" given twice`,
		"dup 1 fd=2147483648":     `"fd" is out of range`,
		"dup 1 open=rdwr fd=2":    `key "open" does not belong to dup`,
	} {
		_, err := ParseFiles([]byte(line))
		if err == nil {
			t.Errorf("%q was taken", line)
		}
		wantRefusal(t, err, unix.EINVAL, words)
	}
	_, err := ParseFiles([]byte("open 1 /" + strings.Repeat("x", MaxText)))
	wantRefusal(t, err, unix.E2BIG, "")
}

func TestParseCancel(t *testing.T) {
	for line, want := range map[string]CancelLine{
		"all":                      {All: true},
		"\tall ":                   {All: true},
		"tag=0":                    {ByTag: true},
		"tag=18446744073709551615": {ByTag: true, Tag: 1<<64 - 1},
		"seq=2K":                   {BySeq: true, Seq: 2048},
	} {
		got, err := ParseCancel([]byte(line))
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v, want %+v", line, got, err, want)
		}
	}
	for line, words := range map[string]string{
		"":            `"" is not KEY=VALUE`,
		"al":          `"al" is not KEY=VALUE`,
		"all tag=1":   `"tag=1" is too much`,
		"tag=1 seq=1": `"seq=1" is too much`,
		"tag=x":       `"tag" wants a number, got "x"`,
		"tagg=1":      `unknown key "tagg"`,
		"slot=1":      `key "slot" does not belong to cancel`,
	} {
		_, err := ParseCancel([]byte(line))
		if err == nil {
			t.Errorf("%q was taken", line)
		}
		wantRefusal(t, err, unix.EINVAL, words)
	}
	_, err := ParseCancel([]byte("tag=" + strings.Repeat("0", MaxText)))
	wantRefusal(t, err, unix.E2BIG, "")
}

func TestParseWait(t *testing.T) {
	type wait struct {
		min        int
		hasMin     bool
		timeout    time.Duration
		hasTimeout bool
	}
	for line, want := range map[string]wait{
		"min=4 timeout=100ms": {4, true, 100 * time.Millisecond, true},
		"timeout=2s min=0\n":  {0, true, 2 * time.Second, true},
		"min=2147483647":      {1<<31 - 1, true, 0, false},
		" timeout=inf ":       {0, false, -1, true},
		"timeout=0":           {0, false, 0, true},
		"timeout=1.5h":        {0, false, 90 * time.Minute, true},
	} {
		var got wait
		var err error
		got.min, got.hasMin, got.timeout, got.hasTimeout, err = ParseWait([]byte(line))
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v, want %+v", line, got, err, want)
		}
	}
	for line, words := range map[string]string{
		"":                   "events wants min=M, timeout=DUR or both",
		"\n":                 "events wants min=M, timeout=DUR or both",
		"min=1 min=1":        `key "min" given twice`,
		"min=-1":             `"min" wants a number, got "-1"`,
		"min=2147483648":     `"min" is out of range`,
		"timeout=100":        `got "100"`,
		"timeout=-1s":        `got "-1s"`,
		"timeout=":           `got ""`,
		"min=1 timeout=1s x": `"x" is not KEY=VALUE`,
		"min=1\ntimeout=1s":  `got "1\ntimeout=1s"`,
		"tag=1":              `key "tag" does not belong to events`,
	} {
		_, _, _, _, err := ParseWait([]byte(line))
		if err == nil {
			t.Errorf("%q was taken", line)
		}
		wantRefusal(t, err, unix.EINVAL, words)
	}
}
