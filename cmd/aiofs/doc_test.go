package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aiofs/aiofs/ring/testenv"
)

// manual is the text of a manual page, and of the part of it between `begin` and `end`.
func manual(t *testing.T, page, part string) string {
	t.Helper()
	b, err := os.ReadFile("doc/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, text, began := strings.Cut(string(b), `.\" `+part+" begin")
	text, _, ended := strings.Cut(text, `.\" `+part+" end")
	if !began || !ended {
		t.Fatalf("%s has no %s", page, part)
	}
	return text
}

// entries are the tags of a part: what stands in the line behind .TP, without its font.
func entries(text string) (tags []string) {
	for _, m := range regexp.MustCompile(`(?m)^\.TP\n\.[BIR]+ (.*)$`).FindAllStringSubmatch(text, -1) {
		tags = append(tags, strings.Join(strings.Fields(strings.NewReplacer(`\-`, "-", `"`, "").Replace(m[1])), " "))
	}
	return tags
}

// The options of aiofs(8) are those of the program, in its order, with their values and defaults.
func TestManualOptions(t *testing.T) {
	text := manual(t, "aiofs.8", "options")
	var want []string
	for _, o := range options {
		tag := o.name
		if o.value != "" {
			tag += "= " + o.value
		}
		want = append(want, tag)
	}
	if diff := cmp.Diff(want, entries(text)); diff != "" {
		t.Errorf("the program's options (-) and those of aiofs(8) (+):\n%s", diff)
	}
	plain := rendered(t, "aiofs.8")
	for _, o := range options {
		_, value, _ := strings.Cut(o.usage, " (")
		if value != "" && !strings.Contains(plain, "("+strings.TrimSuffix(value, ")")) && !strings.Contains(value, "SOURCE") {
			t.Errorf("%s: aiofs(8) lacks its default (%s", o.name, value)
		}
	}
}

// rendered is a page as text on one line, as man(1) would show it; the renderer may find nothing wrong with it.
func rendered(t *testing.T, page string) string {
	t.Helper()
	needTool(t, "groff")
	cmd := exec.Command("groff", "-man", "-Tutf8", "-ww", "-P-c", "-rLL=1000n", "doc/"+page)
	cmd.Env = append(os.Environ(), "GROFF_NO_SGR=1")
	var warnings bytes.Buffer
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("groff: %v, %s", err, &warnings)
	}
	plain := regexp.MustCompile(".\b").ReplaceAllString(string(out), "")
	return strings.Join(strings.Fields(strings.ReplaceAll(plain, "‐\n", "")), " ")
}

func TestManualExitStatus(t *testing.T) {
	plain := rendered(t, "aiofs.8")
	_, plain, _ = strings.Cut(plain, "EXIT STATUS")
	plain, _, _ = strings.Cut(plain, "ENVIRONMENT")
	for _, status := range []int{exitOK, exitUsage, exitSystem, exitInterrupt, exitMount} {
		if !strings.Contains(plain, fmt.Sprintf(" %d ", status)) {
			t.Errorf("aiofs(8) lacks exit status %d: %s", status, plain)
		}
	}
}

// aiofs(5) names every file of a mount with its mode, and no other.
func TestManualFiles(t *testing.T) {
	_, dir := mountBinary(t)
	if err := os.Mkdir(filepath.Join(dir, "ctx/1"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := manual(t, "aiofs.5", "files")
	documented := entries(text)
	var found []string
	for _, d := range []string{".", "ctx", "ctx/1"} {
		files, err := os.ReadDir(filepath.Join(dir, d))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Name() == "1" {
				found = append(found, "N , with a number for it")
				continue
			}
			found = append(found, f.Name())
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			mode := fmt.Sprintf("%o", info.Mode().Perm())
			if info.Mode()&fs.ModeSticky != 0 {
				mode = "1" + mode
			}
			tag := strings.ReplaceAll(f.Name(), "-", `\-`)
			entry := regexp.MustCompile(`(?s)\.TP\n\.I ` + regexp.QuoteMeta(tag) + `\n(.*?)(\n\.TP|$)`).FindString(text)
			if !strings.Contains(entry, mode) {
				t.Errorf("aiofs(5) does not say that the mode of %s is %s", f.Name(), mode)
			}
		}
	}
	slices.Sort(found)
	slices.Sort(documented)
	if diff := cmp.Diff(found, documented); diff != "" {
		t.Errorf("the files of a mount (-) and those of aiofs(5) (+):\n%s", diff)
	}
	rendered(t, "aiofs.5")
}

// aiofs(5) has every key of stat and every family of metrics, in their order and with their type, and no other.
func TestManualCounters(t *testing.T) {
	_, dir := mountBinary(t)
	if err := os.Mkdir(filepath.Join(dir, "ctx/1"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, "pread ./nowhere\n", dir, "ctx/1/submit")
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	testenv.Eventually(t, "the request to fail", func() bool { return strings.Contains(read("ctx/1/stat"), "\nfailed_ENOENT 1\n") })
	var keys []string
	for line := range strings.Lines(read("ctx/1/stat")) {
		key, _, _ := strings.Cut(line, " ")
		switch {
		case key == "usec_lt_1":
			key = "usec_lt_1 , usec_lt_2 , usec_lt_4 , ... , usec_lt_67108864"
		case strings.HasPrefix(key, "usec_lt_"):
			continue
		case strings.HasPrefix(key, "failed_"):
			key = "failed_EIO , failed_ENOENT , ..."
		}
		keys = append(keys, key)
	}
	if diff := cmp.Diff(keys, entries(manual(t, "aiofs.5", "stat"))); diff != "" {
		t.Errorf("stat (-) and aiofs(5) (+):\n%s", diff)
	}
	text := manual(t, "aiofs.5", "metrics")
	var families []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(read("metrics"), -1) {
		families = append(families, m[1])
		if typ := strings.ToUpper(m[2][:1]) + m[2][1:]; !strings.Contains(text, ".B "+m[1]+"\n"+typ) {
			t.Errorf("aiofs(5) does not say that %s is a %s", m[1], typ)
		}
	}
	if diff := cmp.Diff(families, entries(text)); diff != "" {
		t.Errorf("metrics (-) and aiofs(5) (+):\n%s", diff)
	}
}

// unit reads a unit file, for the program of this test.
func unit(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("doc/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "/usr/local/bin/aiofs", binary)
}

func TestUnitsVerify(t *testing.T) {
	needTool(t, "systemd-analyze")
	dir := t.TempDir()
	for name, as := range map[string]string{"aiofs.service": "aiofs.service", "aiofs@.service": "aiofs@srv-aio.service"} {
		path := filepath.Join(dir, as)
		if err := os.WriteFile(path, []byte(unit(t, name)), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
		if err != nil || strings.Contains(string(out), as) {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

// What the units start is a command line that mounts and stays.
func TestUnitsStart(t *testing.T) {
	needFuse(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"aiofs.service", "aiofs@.service"} {
		start := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(unit(t, name))
		if start == nil || !strings.Contains(unit(t, name), "\nType=notify\n") {
			t.Fatalf("%s starts nothing that notifies", name)
		}
		defaults := regexp.MustCompile(`(?m)^Environment=AIOFS_OPTIONS=(.*)$`).FindStringSubmatch(unit(t, name) + "\nEnvironment=AIOFS_OPTIONS=\n")
		args := strings.Fields(strings.NewReplacer("%f", dir, "${AIOFS_OPTIONS}", defaults[1]).Replace(start[1]))
		if name == "aiofs.service" {
			args = append(args, dir) // the default mountpoint is not the test's
		}
		c := launch(t, exec.Command(args[0], args[1:]...), "msg=mounted on="+dir, dir)
		c.signal(syscall.SIGTERM)
		ends(t, c, dir, exitOK)
	}
}

// The completion offers what the program takes.
func TestCompletion(t *testing.T) {
	needTool(t, "bash")
	var names []string
	for _, o := range options {
		if name := o.name; o.value != "" {
			names = append(names, name+"=")
		} else {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, tt := range []struct {
		words, want string
	}{
		{"aiofs -o|", strings.Join(names, " ")},
		{"aiofs -o|eng", "engine="},
		{"aiofs -o|grace=1s,eng", "grace=1s,engine="},
		{"aiofs -o|engine|=|ur", "uring"},
		{"aiofs --engine|", "auto threads uring"},
		{"aiofs --eng", "--engine"},
		{"aiofs -", "--allow-other --background --debug --engine --foreground --fsname --grace --help --max-buf --max-nr --nr-events --sq-idle --user-max-buf --user-max-files --user-max-nr --version -f -o"},
		{"aiofs top|--o", "--once"},
		{"aiofs to", "top"},
	} {
		words := strings.Split(strings.Replace(tt.words, " ", "|", 1), "|")
		if strings.HasSuffix(tt.words, "|") {
			words[len(words)-1] = ""
		}
		words[0] = binary
		script := `compopt() { :; }; source doc/aiofs.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); cd /proc/self/fdinfo; _aiofs "$1"; printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort`
		out, err := exec.Command("bash", append([]string{"-c", script, "bash"}, words...)...).CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != tt.want {
			t.Errorf("%q: %v, %q, want %q", words, err, got, tt.want)
		}
	}
}
