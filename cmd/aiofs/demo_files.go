package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	fileSize = 64 << 20
	lineSize = 64
)

// treeNames are files that a careless script stumbles over.
var treeNames = []string{"plain", "two words", " led and trailed ", "new\nline", "x\npwrite str=oops .", `back\slash`}

// contentAt is the line of the demo's file that stands at offset off, a multiple of lineSize.
func contentAt(off int64) string {
	return fmt.Sprintf("%010d of 67108864: each of the lines says where it stands.\n", off)
}

// makeFiles makes all that the demo reads.
func (s *stage) makeFiles(context.Context) error {
	err := s.makeFile("file")
	for i := range diskFiles {
		if err == nil {
			err = s.put(fmt.Sprintf("files/file%03d", i), "answers\n")
		}
	}
	for _, name := range treeNames {
		if err == nil {
			err = s.put(filepath.Join("tree", name), "found\n")
		}
	}
	if err == nil {
		err = syscall.Mkfifo(filepath.Join(s.dir, "pipe"), 0o600)
	}
	if err != nil {
		return failf(exitSystem, "making the demo's files: %w", err)
	}
	return nil
}

func (s *stage) put(name, content string) error {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

func (s *stage) makeFile(name string) error {
	f, err := os.Create(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for off := int64(0); off < fileSize; off += lineSize {
		w.WriteString(contentAt(off)) // Flush reports what goes wrong
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
