package files

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const openNonblock = syscall.O_NONBLOCK | syscall.O_NOFOLLOW | syscall.O_NOCTTY

// statOf reads the stat of an open file.
func statOf(f *os.File) (stat, error) {
	fi, err := f.Stat()
	if err != nil {
		return stat{}, err
	}
	return statInfo(fi)
}

func statInfo(fi fs.FileInfo) (stat, error) {
	s, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return stat{}, fmt.Errorf("%q has no stat: %w", fi.Name(), ErrUnsupported)
	}
	return stat{
		dev: uint64(s.Dev), ino: s.Ino, mode: fi.Mode(), uid: int(s.Uid), gid: int(s.Gid),
		links: uint64(s.Nlink), size: fi.Size(), mtime: fi.ModTime(),
		ctime: time.Unix(int64(s.Ctimespec.Sec), int64(s.Ctimespec.Nsec)),
	}, nil
}
