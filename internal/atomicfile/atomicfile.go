// Package atomicfile replaces small private files in one step, so that a
// reader sees the old content or the new and a crash leaves one of them. It
// refuses to write through a symbolic link, onto anything but a regular file,
// or onto a file of another user.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Modes of everything below a state directory.
const (
	PrivateFile fs.FileMode = 0o600
	PrivateDir  fs.FileMode = 0o700
)

// ErrNotOurs is wrapped by every refusal to touch a path because of what is
// there. Nothing was changed.
var ErrNotOurs = errors.New("not a regular file of ours")

// ErrTooLarge is wrapped when a file is larger than the caller's limit.
var ErrTooLarge = errors.New("file is too large")

// Write replaces the content of path, or creates it, with mode 0600. When it
// returns nil the content and the name are on disk. On any error the old
// content is still there.
func Write(path string, data []byte) error { return write(path, data, PrivateFile) }

// WriteShared is Write for the few files that others may read; perm is masked
// to 0644, so it never makes anything writable or executable for others.
func WriteShared(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm&0o644)
}

func write(path string, data []byte, perm fs.FileMode) (err error) {
	if err := Check(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	tmp := f.Name()
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(tmp)
			err = fmt.Errorf("write %q: %w", path, err)
		}
	}()
	if err = f.Chmod(perm); err != nil && !chmodOptional {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp, path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// Check reports whether path may be replaced or read as ours: nil when it is a
// regular file that belongs to this user, an error wrapping fs.ErrNotExist
// when nothing is there, and one wrapping ErrNotOurs otherwise.
func Check(path string) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	return checkInfo(path, fi)
}

func checkInfo(path string, fi fs.FileInfo) error {
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("%q is a %s: %w", path, kindOf(fi.Mode()), ErrNotOurs)
	}
	if owner, ok := foreignOwner(fi); ok {
		return fmt.Errorf("%q belongs to uid %d, this process is uid %d: %w", path, owner, os.Geteuid(), ErrNotOurs)
	}
	return nil
}

func kindOf(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m.IsDir():
		return "directory"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// Read returns the whole content of a file of ours. More than limit bytes is
// ErrTooLarge; a link, pipe or foreign file is ErrNotOurs, judged on the
// opened file and not on its name.
func Read(path string, limit int64) ([]byte, error) {
	f, err := Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("read %q: more than %d bytes: %w", path, limit, ErrTooLarge)
	}
	return b, nil
}

// Open opens a file of ours with the given flags, creating it with mode 0600
// when flags hold os.O_CREATE. The last path element is never followed as a
// link and opening never waits on a pipe.
func Open(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|openFlags, PrivateFile)
	if err != nil {
		if fi, lerr := os.Lstat(path); lerr == nil {
			if cerr := checkInfo(path, fi); cerr != nil {
				return nil, cerr
			}
		}
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		err = checkInfo(path, fi)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// MkdirAll makes path and its missing parents with mode 0700. An existing last
// element must be a directory of ours and not a link; its mode is left alone.
func MkdirAll(path string) error {
	if err := os.MkdirAll(path, PrivateDir); err != nil {
		return err
	}
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return fmt.Errorf("%q is a %s: %w", path, kindOf(fi.Mode()), ErrNotOurs)
	}
	if owner, ok := foreignOwner(fi); ok {
		return fmt.Errorf("%q belongs to uid %d, this process is uid %d: %w", path, owner, os.Geteuid(), ErrNotOurs)
	}
	return nil
}

// SyncDir makes renames, creations and removals in dir durable.
func SyncDir(dir string) error {
	if !dirSync {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
