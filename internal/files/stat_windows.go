package files

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

const openNonblock = 0

// statOf reads the stat of an open file. Windows tells no owner here.
func statOf(f *os.File) (stat, error) {
	fi, err := f.Stat()
	if err != nil {
		return stat{}, err
	}
	var d syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &d); err != nil {
		return stat{}, err
	}
	s, err := statInfo(fi)
	s.dev = uint64(d.VolumeSerialNumber)
	s.ino = uint64(d.FileIndexHigh)<<32 | uint64(d.FileIndexLow)
	s.links = uint64(d.NumberOfLinks)
	return s, err
}

// statInfo knows no identity: only a handle has one here. Two files with more
// than one name are therefore never known to be the same.
func statInfo(fi fs.FileInfo) (stat, error) {
	s := stat{mode: fi.Mode(), uid: -1, gid: -1, links: 1, size: fi.Size(), mtime: fi.ModTime(), ctime: fi.ModTime()}
	if d, ok := fi.Sys().(*syscall.Win32FileAttributeData); ok {
		created := time.Unix(0, d.CreationTime.Nanoseconds())
		if created.After(s.ctime) {
			s.ctime = created
		}
	}
	return s, nil
}
