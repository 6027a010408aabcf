package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/aiofs/aiofs/ring/testenv"
)

// A recipe is a block of README.md that is marked to be run, and the block behind it: its output, in which times and
// sequence numbers stand for any.
type recipe struct {
	line              int
	lang, code, wants string
}

var recipePattern = regexp.MustCompile("(?ms)^```(sh|python) run\n(.*?)^```\n(?:```text\n(.*?)^```\n)?")

func recipes(t *testing.T) []recipe {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []recipe
	for _, at := range recipePattern.FindAllSubmatchIndex(page, -1) {
		r := recipe{line: 1 + bytes.Count(page[:at[0]], []byte("\n"))}
		r.lang, r.code = string(page[at[2]:at[3]]), string(page[at[4]:at[5]])
		if at[6] >= 0 {
			r.wants = string(page[at[6]:at[7]])
		}
		list = append(list, r)
	}
	if marked := bytes.Count(page, []byte(" run\n")); len(list) == 0 || len(list) != marked {
		t.Fatalf("README.md has %d blocks to run, of which %d were understood", marked, len(list))
	}
	return list
}

// interpreters are what runs a language here.
func interpreters(lang string) (found []string) {
	for _, name := range map[string][]string{"sh": {"sh", "dash", "bash"}, "python": {"python3"}}[lang] {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	return found
}

// The recipes of README.md work as they stand there, and give what it says. One of them gives files 100 ms to answer, which
// on a busy machine can be too little for any: it may try again.
func TestREADME(t *testing.T) {
	_, mnt := mountBinary(t)
	for _, r := range recipes(t) {
		tries := 1
		if strings.Contains(r.code, "timeout .1") {
			tries = 50
		}
		for _, with := range interpreters(r.lang) {
			t.Run(fmt.Sprintf("line%d/%s", r.line, filepath.Base(with)), func(t *testing.T) {
				var wrong string
				for range tries {
					testenv.Eventually(t, "contexts of the recipe before are gone", func() bool {
						reserved, err := os.ReadFile(filepath.Join(mnt, "aio-nr"))
						return err == nil && string(reserved) == "0\n"
					})
					if wrong = r.run(t, mnt, with); wrong == "" {
						return
					}
				}
				t.Errorf("README.md:%d: %s", r.line, wrong)
			})
		}
	}
}

// run runs a recipe in a directory with two files in it, and returns what differs from what it should do.
func (r recipe) run(t *testing.T, mnt, with string) (wrong string) {
	dir := t.TempDir()
	for _, name := range []string{"notes.txt", "two words.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(r.code, "open=direct") && !directIO(filepath.Join(dir, "notes.txt")) {
		t.Skip("no direct I/O in the temporary directory")
	}
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	flags := map[string]string{"sh": "-euc", "python": "-c"}[r.lang]
	cmd := exec.CommandContext(ctx, with, flags, r.code)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "M="+mnt, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	diff := cmp.Diff(anyNumber(r.wants), anyNumber(string(out)))
	if err == nil && diff == "" {
		return ""
	}
	return fmt.Sprintf("%v: what it says (-) and what came (+):\n%s\nthe output:\n%s", err, diff, out)
}

// anyNumber replaces what differs from run to run.
func anyNumber(s string) string {
	s = regexp.MustCompile(`(usec=|seq=|p50 |p99 )\d+`).ReplaceAllString(s, "${1}N")
	return regexp.MustCompile(`state=(stage|start|io)`).ReplaceAllString(s, "state=S")
}

func directIO(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err == nil {
		f.Close()
	}
	return err == nil
}
