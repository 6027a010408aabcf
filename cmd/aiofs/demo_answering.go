package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// patience is how long the 500 files get to answer. A machine that is busy with other things gets more of it after the
// first try; the files that hang never answer, whatever they get.
var patience = []string{"100ms", "1s", "5s"}

// answering finds out which of 500 files answer in time, by a pipeline over the mount.
func (s *stage) answering(context.Context) error {
	s.say("Which of %d files answer within 100 ms? %d of them lie on a file system that hangs.", diskFiles+hungFiles, hungFiles)
	var missing int
	for i, limit := range patience {
		if i > 0 {
			s.say("%d files on disk did not answer in %s: this machine is busy. Once more, with %s.", missing, patience[i-1], limit)
		}
		var err error
		if missing, err = s.answeringWithin(limit); err != nil {
			return err
		}
		if missing == 0 {
			return nil
		}
	}
	return failf(exitDiffer, "%d files on disk did not answer", missing)
}

// answeringWithin asks once. It returns how many files on disk did not answer in time.
func (s *stage) answeringWithin(limit string) (missing int, err error) {
	block := fmt.Sprintf(`exec 8<$M/ctx/new; read -r n <&8; a=$M/ctx/$n; exec 7<>$a/events
find ./files ./hang -type f -printf 'pread len=1 keep=no %%p\n' > $a/submit
echo 'min=%d timeout=%s' >&7; dd bs=1M count=1 status=none <&7 | sed 's/.* //' > answered
wc -l < answered`, diskFiles+hungFiles, limit)
	start := time.Now()
	if _, status, err := s.enter(block); err != nil {
		return 0, err
	} else if status != 0 {
		return 0, failf(exitDiffer, "exit status %d was not expected", status)
	}
	s.note("(in %.3f s)", time.Since(start).Seconds())

	names, err := os.ReadFile(filepath.Join(s.dir, "answered"))
	if err != nil {
		return 0, failf(exitDiffer, "%w", err)
	}
	got := strings.Fields(string(names))
	slices.Sort(got)
	for i, name := range got {
		if !strings.HasPrefix(name, "./files/file") || i > 0 && name == got[i-1] {
			return 0, failf(exitDiffer, "a file that cannot answer, or twice, is in the list: %s", name)
		}
	}
	if missing = diskFiles - len(got); missing == 0 {
		s.checks++
		err = s.walkAway()
	}
	return missing, err
}

// walkAway looks at what hangs, and leaves it.
func (s *stage) walkAway() error {
	if err := s.scene(scene{
		say:  "What hangs can be seen; and it can be left: the context is gone though its reads still hang.",
		line: `wc -l < $a/inflight; tail -n 1 $a/inflight; exec 8<&- 7<&-; echo $n > left`,
		want: fmt.Sprintf(`^%d\n\d+ - - seq=\d+ op=pread usec=\d+ file=path off=0 len=\d+ state=\w+ \./hang/hung\d+\n$`, hungFiles),
	}); err != nil {
		return err
	}
	n, err := os.ReadFile(filepath.Join(s.dir, "left"))
	if err != nil {
		return failf(exitDiffer, "%w", err)
	}
	return s.poll("the context that was left to be gone", func() (bool, error) {
		_, err := os.Stat(filepath.Join(s.mnt, "ctx", strings.TrimSpace(string(n))))
		return errors.Is(err, fs.ErrNotExist), nil
	})
}
