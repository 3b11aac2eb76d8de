//go:build unix

package survey

import (
	"io/fs"
	"syscall"

	"github.com/openclaw-go/openclaw/internal/audit"
)

const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

func owner(f *audit.File, info fs.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID, f.Links = int(st.Uid), int(st.Gid), int(st.Nlink)
	}
}
