package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A scene is a few shell lines and what must come of them.
type scene struct {
	say   string
	line  string
	fails bool                // the last command fails
	want  string              // a regexp for all of the output
	check func(o string) bool // beyond want
}

// tourScenes is the way through the files of a context.
var tourScenes = []scene{
	{
		say:  "A context lives as long as a descriptor on it: here, descriptor 9 of this shell.",
		line: `exec 9<$M/ctx/new; read -r n <&9; c=$M/ctx/$n; ls -C $c`,
		check: func(o string) bool {
			names := strings.Fields(o)
			return slices.Contains(names, "submit") && slices.Contains(names, "events") && slices.Contains(names, "cancel")
		},
	},
	{
		say:  "A read: the request goes in, the completion comes out, the bytes lie in out/TAG.",
		line: "echo 'pread tag=1 off=4096 len=64 ./file' > $c/submit\ncat $c/events\ncat $c/out/1",
		want: `^1 64 - seq=1 op=pread usec=\d+ \./file\n` + contentAt(4096) + `$`,
	},
	{
		say:  "One that fails: its errno comes in the event.",
		line: "echo 'pread tag=2 ./nowhere' > $c/submit; cat $c/events",
		want: `^2 -2 ENOENT seq=2 op=pread usec=\d+ \./nowhere\n$`,
	},
	{
		say:   "One that is refused: the write fails, and error_log says why.",
		line:  "echo 'pread tag=3 lenght=64 ./file' > $c/submit",
		fails: true,
	},
	{
		line: "cat $c/error_log",
		want: `(?m)^line=1 EINVAL .*lenght.*: pread tag=3 lenght=64 \./file$`,
	},
	{
		say:  "A poll on an empty pipe, and its end.",
		line: "exec 5<>pipe; echo 'poll tag=4 events=in ./pipe' > $c/submit; cat $c/inflight\necho tag=4 > $c/cancel; cat $c/events",
		want: `^4 - - seq=\d+ op=poll usec=\d+ file=path .* state=\w+ \./pipe\n4 -125 ECANCELED seq=\d+ op=poll usec=\d+ \./pipe\n$`,
	},
	{
		say:   "A tree, whatever its names hold: NUL ends a request that NUL-ended requests follow.",
		line:  `find ./tree -type f -printf 'pread keep=no %p\0' > $c/submit; cat $c/events`,
		check: readWholeTree,
	},
	{
		say: "rmdir kills a context, whatever is in flight in it, and does not wait.",
		line: "mkdir $M/ctx/4711; echo 'pread len=1 ./pipe' > $M/ctx/4711/submit; cat $M/ctx/4711/inflight\n" +
			"rmdir $M/ctx/4711; ls $M/ctx",
		want: `^1 - - seq=1 op=pread usec=\d+ file=path .* state=\w+ \./pipe\n(new\n\d+|\d+\nnew)\n$`,
	},
}

// tour plays the scenes.
func (s *stage) tour(context.Context) error {
	for _, sc := range tourScenes {
		if err := s.scene(sc); err != nil {
			return err
		}
	}
	return nil
}

// scene shows and checks one scene.
func (s *stage) scene(sc scene) error {
	if sc.say != "" {
		s.say("%s", sc.say)
	}
	out, status, err := s.enter(sc.line)
	if err != nil {
		return err
	}
	switch {
	case (status != 0) != sc.fails:
		return failf(exitDiffer, "exit status %d was not expected", status)
	case !regexp.MustCompile(sc.want).MatchString(out):
		return failf(exitDiffer, "the output differs from what was expected: %s", sc.want)
	case sc.check != nil && !sc.check(out):
		return failf(exitDiffer, "the output differs from what was expected")
	}
	s.checks++
	return nil
}

// enter shows and runs lines, one after the other. It returns their output and the status of the last one.
func (s *stage) enter(lines string) (output string, status int, err error) {
	for l := range strings.SplitSeq(lines, "\n") {
		s.line(l)
		var out string
		if out, status, err = s.shell.run(l); err != nil {
			break
		}
		output += out
	}
	return output, status, err
}

// readWholeTree says whether events tell of exactly the files of the tree, each read to its end.
func readWholeTree(events string) bool {
	want := map[string]bool{}
	for _, name := range treeNames {
		shown := strings.NewReplacer(`\`, `\134`, "\n", `\012`).Replace(name)
		want[fmt.Sprintf("%d - ./tree/%s", len("found\n"), shown)] = true
	}
	got := map[string]bool{}
	line := regexp.MustCompile(`^\d+ (-?\d+ \S+) seq=\d+ op=pread usec=\d+ (.*)\n$`)
	for l := range strings.Lines(events) {
		m := line.FindStringSubmatch(l)
		if m == nil {
			return false
		}
		got[m[1]+" "+m[2]] = true
	}
	return maps.Equal(got, want) && strings.Count(events, "\n") == len(slices.Collect(maps.Keys(want)))
}
