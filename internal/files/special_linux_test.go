package files

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSpecialFiles: none is opened, so none can block or act.
func TestSpecialFiles(t *testing.T) {
	w := newWorld(t)
	fifo, sock := filepath.Join(w.ws, "fifo"), filepath.Join(w.ws, "s")
	must(t, unix.Mkfifo(fifo, 0o644))
	t.Chdir(w.ws) // the name of a socket must be short
	ln, err := net.Listen("unix", "s")
	must(t, err)
	defer ln.Close()
	for _, path := range []string{fifo, sock} {
		if _, err := w.tree.Read(permit(t), path, 0); !errors.Is(err, ErrNotRegular) {
			t.Errorf("read %s: %v", path, err)
		}
		if err := w.tree.Write(permit(t), path, nil, ""); !errors.Is(err, ErrNotRegular) {
			t.Errorf("write %s: %v", path, err)
		}
		if err := w.tree.Remove(permit(t), path); !errors.Is(err, ErrNotRegular) {
			t.Errorf("remove %s: %v", path, err)
		}
		if _, err := walkFile(w.ws, filepath.Base(path)); !errors.Is(err, ErrNotRegular) {
			t.Errorf("walk %s: %v", path, err)
		}
	}
	dev, err := New(Options{Roots: []RootSpec{{Path: "/dev", Access: ReadOnly}, {Path: "/proc", Access: ReadOnly}}})
	must(t, err)
	if _, err := dev.Read(permit(t), "/dev/zero", 10); !errors.Is(err, ErrNotRegular) {
		t.Errorf("/dev/zero: %v", err)
	}
	if _, err := dev.Read(permit(t), "/proc/self/root/etc/passwd", 10); !errors.Is(err, ErrOutside) {
		t.Errorf("through /proc/self/root: %v", err)
	}
}

// TestMountIsRefused: /proc is a mount beneath /.
func TestMountIsRefused(t *testing.T) {
	tree, err := New(Options{Roots: []RootSpec{{Path: "/", Access: ReadOnly}}})
	must(t, err)
	if _, err := tree.Read(permit(t), "/proc/version", 100); !errors.Is(err, ErrOutside) {
		t.Errorf("/proc/version: %v", err)
	}
	if _, err := walkFile("/", "proc/version"); !errors.Is(err, ErrOutside) {
		t.Errorf("walk: %v", err)
	}
}

// TestWalkAgreesWithOpenat2: the way without openat2 refuses the same.
func TestWalkAgreesWithOpenat2(t *testing.T) {
	w := newWorld(t)
	w.put(t, "a/b/f", "x")
	must(t, os.Symlink("a", filepath.Join(w.ws, "l")))
	must(t, os.Symlink("f", filepath.Join(w.ws, "a", "b", "lf")))
	must(t, os.Symlink(w.secret, filepath.Join(w.ws, "out")))
	for _, rel := range []string{"a/b/f", "l/b/f", "a/b/lf", "out", "a", "a/b/none", "a/b/f/x", "../secret.txt", "a/../../secret.txt"} {
		f1, err1 := openFile(w.ws, rel)
		f2, err2 := walkFile(w.ws, rel)
		if (err1 == nil) != (err2 == nil) {
			t.Errorf("%s: openat2 %v, walk %v", rel, err1, err2)
		}
		if err1 == nil {
			_, _ = f1.Close(), f2.Close()
		}
	}
}

// TestForeignOwner: a file of nobody who is listed is not touched.
func TestForeignOwner(t *testing.T) {
	w := newWorld(t)
	path := w.put(t, "theirs", "x")
	tree, err := New(Options{Roots: []RootSpec{{Path: w.ws, Access: ReadWrite}}, Owners: []int{os.Getuid() + 4711}})
	must(t, err)
	if _, err := tree.Read(permit(t), path, 0); !errors.Is(err, ErrOwner) {
		t.Errorf("read: %v", err)
	}
	if err := tree.Write(permit(t), path, nil, ""); !errors.Is(err, ErrOwner) {
		t.Errorf("write: %v", err)
	}
	if err := tree.Remove(permit(t), path); !errors.Is(err, ErrOwner) {
		t.Errorf("remove: %v", err)
	}
}
