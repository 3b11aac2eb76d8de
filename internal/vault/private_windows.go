package vault

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// readPrivate reads a regular file of at most limit bytes. Who else may read it
// is decided by the ACL of the user's profile, which is not looked at here.
func readPrivate(path string, limit int64) ([]byte, error) {
	seen, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if got, err := f.Stat(); err != nil || !os.SameFile(seen, got) {
		return nil, fmt.Errorf("%q changed while it was opened", path)
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

func readCredential(path string, limit int64) ([]byte, error) { return readPrivate(path, limit) }

func checkDir(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return fmt.Errorf("%q is not a directory", dir)
	}
	return nil
}

// trustedProgram refuses: who may replace a program is not measured here.
func trustedProgram(path string) error {
	return fmt.Errorf("who may replace %q cannot be told on Windows: %w", path, errors.ErrUnsupported)
}
