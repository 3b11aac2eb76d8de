//go:build unix

package vault

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// readPrivate reads a file that holds secrets: regular, ours, one name, not
// readable or writable by others, at most limit bytes. The checks are made on
// the handle that is read.
func readPrivate(path string, limit int64) ([]byte, error) { return readOwned(path, limit, 0o077) }

// readCredential reads a file of systemd's credentials directory: a file of
// root's may show its reader as a group that reads.
func readCredential(path string, limit int64) ([]byte, error) { return readOwned(path, limit, 0o037) }

func readOwned(path string, limit int64, others fs.FileMode) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a regular file", path)
	case !ok || int(st.Uid) != os.Geteuid() && st.Uid != 0:
		return nil, fmt.Errorf("%q belongs to another user", path)
	case fi.Mode().Perm()&others != 0:
		return nil, fmt.Errorf("%q has mode %04o, expected 0600: %w", path, fi.Mode().Perm(), errMode)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%q has more than %d bytes", path, limit)
	}
	return data, nil
}

// checkDir refuses a credentials directory that others may enter.
func checkDir(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !fi.IsDir() || fi.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%q has mode %v, expected a directory with 0700: %w", dir, fi.Mode(), errMode)
	}
	return nil
}

// trustedProgram refuses a program that somebody but us and root could replace.
func trustedProgram(path string) error {
	for at := path; ; at = filepath.Dir(at) {
		fi, err := os.Lstat(at)
		if err != nil {
			return err
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		if !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
			return fmt.Errorf("%q belongs to another user", at)
		}
		sticky := fi.IsDir() && fi.Mode()&fs.ModeSticky != 0 && at != filepath.Dir(path)
		if fi.Mode().Perm()&0o022 != 0 && !sticky {
			return fmt.Errorf("%q has mode %v, which lets others replace it", at, fi.Mode())
		}
		if at == path && !fi.Mode().IsRegular() {
			return fmt.Errorf("%q is not a regular file", at)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}
