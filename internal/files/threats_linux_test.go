package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestR34NothingButPlainFiles: what looks like a file of the workspace and is
// not one is neither read nor written nor removed, by either way of opening,
// and none of it blocks.
func TestR34NothingButPlainFiles(t *testing.T) {
	w := newWorld(t)
	at := func(name string) string { return filepath.Join(w.ws, name) }
	must(t, os.Link(w.secret, at("hardlink")))
	must(t, os.Symlink(w.secret, at("symlink")))
	must(t, os.Symlink(w.dir, at("linkdir")))
	must(t, os.Symlink("/proc/self/root", at("magic")))
	must(t, unix.Mkfifo(at("fifo"), 0o666))
	names := []string{"hardlink", "symlink", "linkdir/secret.txt", "magic/etc/passwd", "fifo"}
	stands := map[string]string{w.secret: "outside"}
	if os.Getuid() == 0 { // only root makes these
		must(t, unix.Mknod(at("zero"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))))
		w.put(t, "theirs", "of another user")
		must(t, os.Chown(at("theirs"), 12345, 12345))
		must(t, os.Mkdir(at("mnt"), 0o755))
		must(t, unix.Mount("tmpfs", at("mnt"), "tmpfs", 0, ""))
		t.Cleanup(func() { must(t, unix.Unmount(at("mnt"), unix.MNT_DETACH)) })
		must(t, os.WriteFile(at("mnt/file"), []byte("mounted"), 0o644))
		names = append(names, "zero", "theirs", "mnt/file", "mnt")
		stands[at("mnt/file")], stands[at("theirs")] = "mounted", "of another user"
	}
	p := permit(t)
	for _, name := range names {
		path := at(name)
		if c, err := w.tree.Read(p, path, 0); err == nil {
			t.Errorf("read %s: %q", name, c.Data)
		}
		if err := w.tree.Write(p, path, []byte("planted"), ""); err == nil {
			t.Errorf("write %s was possible", name)
		}
		// To take a name of a file away changes nothing outside.
		if err := w.tree.Remove(p, path); err == nil && name != "hardlink" {
			t.Errorf("remove %s was possible", name)
		}
		if name == "hardlink" || name == "theirs" {
			continue // plain files to the kernel: the handle's own checks refuse them
		}
		if f, err := walkFile(w.ws, name); err == nil {
			t.Errorf("the way without openat2 opens %s", name)
			_ = f.Close()
		}
	}
	for path, want := range stands {
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s is now %q, %v", path, b, err)
		}
	}
	if st, err := os.Lstat(at("fifo")); err != nil || st.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is now %v, %v", st, err)
	}
	big := w.put(t, "big", "")
	must(t, os.Truncate(big, 2*MaxRead))
	if c, err := w.tree.Read(p, big, 0); err != nil || len(c.Data) > MaxRead {
		t.Errorf("a large file: %d bytes, %v", len(c.Data), err)
	}
	if _, err := w.tree.Read(p, at("absent"), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}
