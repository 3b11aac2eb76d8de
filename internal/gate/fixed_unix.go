//go:build unix

package gate

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// fixed reports whether nobody but root can change what path leads to, at any
// of its components.
func fixed(path string) bool {
	for at := path; ; at = filepath.Dir(at) {
		st, err := os.Lstat(at)
		if err != nil {
			return false
		}
		sys, ok := st.Sys().(*syscall.Stat_t)
		sticky := st.IsDir() && st.Mode()&fs.ModeSticky != 0 && at != path
		link := st.Mode()&fs.ModeSymlink != 0
		if !ok || sys.Uid != 0 || !link && !sticky && st.Mode().Perm()&0o022 != 0 {
			return false
		}
		if at == "/" {
			return true
		}
	}
}

// openRegular opens a file whose content can be read to its end.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
