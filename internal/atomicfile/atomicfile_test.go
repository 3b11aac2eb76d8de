//go:build unix

package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

func TestWriteReplacesWithPrivateMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	got, err := atomicfile.Read(path, 100)
	if err != nil || string(got) != "new" {
		t.Fatalf("read %q, %v", got, err)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", fi.Mode(), err)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Fatalf("temporary files stay: %v", left)
	}
	if err := atomicfile.WriteShared(path, []byte("x"), 0o777); err != nil {
		t.Fatal(err)
	}
	if fi, _ := os.Stat(path); fi.Mode().Perm() != 0o644 {
		t.Fatalf("shared mode %v", fi.Mode())
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		out = append(out, e.Name())
	}
	return out
}

func TestRefusesWhatIsNotARegularFileOfOurs(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	link, pipe, sub := filepath.Join(dir, "link"), filepath.Join(dir, "pipe"), filepath.Join(dir, "sub")
	if err := errors.Join(os.Symlink(victim, link), syscall.Mkfifo(pipe, 0o600), os.Mkdir(sub, 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{link, pipe, sub} {
		if err := atomicfile.Write(p, []byte("x")); !errors.Is(err, atomicfile.ErrNotOurs) {
			t.Errorf("write %s: %v", p, err)
		}
		if _, err := atomicfile.Read(p, 10); !errors.Is(err, atomicfile.ErrNotOurs) {
			t.Errorf("read %s: %v", p, err)
		}
	}
	if b, _ := os.ReadFile(victim); string(b) != "keep" {
		t.Fatalf("victim now %q", b)
	}
	if err := atomicfile.MkdirAll(link); err == nil {
		t.Error("a link passed for a directory")
	}
	if _, err := atomicfile.Read(victim, 3); !errors.Is(err, atomicfile.ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := atomicfile.Read(filepath.Join(dir, "none"), 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(victim, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if err := atomicfile.Write(victim, []byte("x")); !errors.Is(err, atomicfile.ErrNotOurs) {
			t.Errorf("foreign file: %v", err)
		}
	}
}

func TestFailedWriteKeepsTheOldContent(t *testing.T) {
	if os.Getenv("ATOMICFILE_CHILD") == "1" {
		lim := syscall.Rlimit{Cur: 1000, Max: 1000}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lim); err != nil {
			t.Fatal(err)
		}
		if err := atomicfile.Write(os.Getenv("ATOMICFILE_PATH"), make([]byte, 5000)); err == nil {
			t.Fatal("a write beyond the limit succeeded")
		}
		return
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := atomicfile.Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFailedWriteKeepsTheOldContent$")
	cmd.Env = append(os.Environ(), "ATOMICFILE_CHILD=1", "ATOMICFILE_PATH="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Fatalf("content is %q", b)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestLockIsExclusiveAndNamesTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	l, err := atomicfile.TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = atomicfile.TryLock(path)
	var held *atomicfile.HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() || !strings.Contains(err.Error(), "process") {
		t.Fatalf("second lock: %v", err)
	}
	if h, live := atomicfile.Holder(path); !live || h.PID != os.Getpid() {
		t.Fatalf("holder %v %v", h, live)
	}
	if err := errors.Join(l.Unlock(), l.Unlock()); err != nil {
		t.Fatal(err)
	}
	if _, live := atomicfile.Holder(path); live {
		t.Fatal("a released lock has a live holder")
	}
	l, err = atomicfile.TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Unlock()
}

// A note of a process that is gone, or of a live one with another start, does
// not hold the lock (R74).
func TestR74StaleNoteDoesNotHold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	for _, note := range []string{"999999999 5\n", "1 5\n", "garbage", ""} {
		if err := os.WriteFile(path, []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := atomicfile.TryLock(path)
		if err != nil {
			t.Fatalf("%q: %v", note, err)
		}
		_ = l.Unlock()
	}
}

func TestOneOfManyGetsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	var wg sync.WaitGroup
	got := make(chan *atomicfile.Lock, 16)
	for range 16 {
		wg.Go(func() {
			if l, err := atomicfile.TryLock(path); err == nil {
				got <- l
			}
		})
	}
	wg.Wait()
	if len(got) != 1 {
		t.Fatalf("%d holders", len(got))
	}
}
