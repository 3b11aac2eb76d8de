package files

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// walkDir opens the directory rel beneath root one name at a time. A name that
// is a link, or that changes between the look and the opening, is refused: the
// directory that was opened must be the one that was looked at.
func walkDir(root, rel string) (*os.Root, error) {
	at, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	top, err := at.Stat(".")
	if err != nil {
		_ = at.Close()
		return nil, err
	}
	if rel == "." {
		return at, nil
	}
	for _, name := range strings.Split(rel, string(filepath.Separator)) {
		next, err := step(at, name, top)
		_ = at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func step(at *os.Root, name string, top fs.FileInfo) (*os.Root, error) {
	seen, err := at.Lstat(name)
	if err != nil {
		return nil, err
	}
	if seen.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%q is a link: %w", name, ErrOutside)
	}
	if !seen.IsDir() {
		return nil, fmt.Errorf("%q is no directory: %w", name, ErrNotRegular)
	}
	next, err := at.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	got, err := next.Stat(".")
	if err == nil && !os.SameFile(seen, got) {
		err = fmt.Errorf("%q: %w", name, ErrChanged)
	}
	if err == nil && !sameDevice(top, got) {
		err = fmt.Errorf("%q is a mount: %w", name, ErrOutside)
	}
	if err != nil {
		_ = next.Close()
		return nil, err
	}
	return next, nil
}

// walkFile opens a regular file for reading by walkDir.
func walkFile(root, rel string) (*os.File, error) {
	dir, err := walkDir(root, filepath.Dir(rel))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return openIn(dir, filepath.Base(rel))
}

// openIn opens the regular file name of a directory. Anything else is refused
// before it is opened, since opening a device or FIFO may already do something.
func openIn(dir *os.Root, name string) (*os.File, error) {
	seen, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		if seen.Mode()&fs.ModeSymlink != 0 {
			return nil, fmt.Errorf("%q is a link: %w", name, ErrOutside)
		}
		return nil, fmt.Errorf("found a %s: %w", kindOf(seen.Mode()), ErrNotRegular)
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, err
	}
	got, err := f.Stat()
	if err == nil && !os.SameFile(seen, got) {
		err = ErrChanged
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// makeDirs opens the directory rel beneath root and makes what is missing.
func makeDirs(root, rel string, owner *Owner) (*os.Root, error) {
	dir, err := openDir(root, rel)
	if err == nil || !isNotExist(err) || rel == "." {
		return dir, err
	}
	up, err := makeDirs(root, filepath.Dir(rel), owner)
	if err != nil {
		return nil, err
	}
	defer up.Close()
	name := filepath.Base(rel)
	if err := up.Mkdir(name, 0o755); err != nil && !isExist(err) {
		return nil, err
	} else if err == nil && owner != nil {
		if err := up.Lchown(name, owner.UID, owner.GID); err != nil {
			return nil, err
		}
	}
	return openDir(root, rel)
}
