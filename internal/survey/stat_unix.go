//go:build unix

package survey

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/audit"
)

const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

func owner(f *audit.File, info fs.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID, f.Links = int(st.Uid), int(st.Gid), int(st.Nlink)
	}
}

// closed reports whether whoever looks may not read a file. The owner's own
// right shows in the mode; of others' files the kernel is asked.
func closed(f *audit.File, uid int) bool {
	switch {
	case uid == 0:
		return false
	case f.UID == uid:
		return f.Mode&0o400 == 0
	case f.Mode&0o004 != 0 && len(f.ACL) == 0:
		return false
	}
	return unix.Access(f.Path, unix.R_OK) != nil
}
