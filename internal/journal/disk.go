package journal

import (
	"io"
	"os"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// file is what the writer needs of an open file.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
	Close() error
}

// disk is what the writer needs of a file system. Every method is durable when
// it returns but for writes to a file that was not synced.
type disk interface {
	// open opens a file of ours, making it when missing.
	open(path string) (file, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
}

type realDisk struct{}

type realFile struct{ *os.File }

func (f realFile) Size() (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

func (realDisk) open(path string) (file, error) {
	f, err := atomicfile.Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	return realFile{f}, nil
}

func (realDisk) rename(from, to string) error { return os.Rename(from, to) }
func (realDisk) remove(path string) error     { return os.Remove(path) }
func (realDisk) syncDir(dir string) error     { return atomicfile.SyncDir(dir) }
