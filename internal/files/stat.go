package files

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// stat is what the checks look at, read from an open handle.
type stat struct {
	dev, ino uint64
	mode     fs.FileMode
	uid, gid int // -1 where the platform has none
	links    uint64
	size     int64
	mtime    time.Time
	ctime    time.Time // of the inode: programs cannot set it
}

type fileID struct{ dev, ino uint64 }

func (s stat) id() fileID { return fileID{s.dev, s.ino} }

// stamp is a stat without what reading changes; equal stamps mean that nobody
// wrote.
type stamp struct {
	id           fileID
	mode         fs.FileMode
	size         int64
	mtime, ctime int64
}

func (s stat) stamp() stamp {
	return stamp{s.id(), s.mode, s.size, s.mtime.UnixNano(), s.ctime.UnixNano()}
}

func sameDevice(a, b fs.FileInfo) bool {
	x, err1 := statInfo(a)
	y, err2 := statInfo(b)
	return err1 == nil && err2 == nil && x.dev == y.dev
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
func isExist(err error) bool    { return errors.Is(err, os.ErrExist) }
