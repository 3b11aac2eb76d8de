//go:build unix

package gate

import (
	"io/fs"
	"syscall"
)

// fileID identifies a file's content as far as the file system tells.
type fileID struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
}

func identify(st fs.FileInfo) fileID {
	id := fileID{size: st.Size(), mtime: st.ModTime().UnixNano()}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		id.dev, id.ino, id.ctime = uint64(s.Dev), s.Ino, changeTime(s)
	}
	return id
}
