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

// readOnly neither follows a link nor waits for the other end of a pipe.
const readOnly = os.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
