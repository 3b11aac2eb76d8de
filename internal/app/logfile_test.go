package app

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestLogFileRotates(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway.log")
	if err := os.WriteFile(path, []byte(strings.Repeat("old ", 20)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &logFile{path: path, max: 100, keep: 2}
	for i := range 12 {
		line := fmt.Sprintf("line %2d %s\n", i, strings.Repeat("x", 20))
		if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		if i == 5 { // a new start goes on with the same file
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var all string
	for _, name := range []string{"gateway.log.2", "gateway.log.1", "gateway.log"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || len(b) > 100 || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, mode %v, %v", name, len(b), fi.Mode(), err)
		}
		all += string(b)
	}
	lines := strings.Split(strings.TrimSuffix(all, "\n"), "\n")
	for i, line := range lines {
		if want := fmt.Sprintf("line %2d ", 12-len(lines)+i); !strings.HasPrefix(line, want) {
			t.Errorf("%q, expected %q", line, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 || len(lines) != 9 {
		t.Errorf("%d files, %d lines, %v", len(entries), len(lines), err)
	}
}

func TestLogFileIsOurs(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "gateway.log")
	if err := os.Symlink(other, path); err != nil {
		t.Fatal(err)
	}
	if _, err := (&logFile{path: path, max: 100, keep: 1}).Write([]byte("x\n")); err == nil {
		t.Error("a link was followed")
	}
	if b, err := os.ReadFile(other); err != nil || string(b) != "theirs\n" {
		t.Errorf("%q, %v", b, err)
	}
}
