package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// logFile is a file that is set aside when it is full: path.1 is the newest of
// those before it, path.<keep> the oldest. Each has mode 0600.
type logFile struct {
	path string
	max  int64
	keep int

	mu   sync.Mutex
	f    *os.File
	size int64
}

// Write appends b as a whole. Lines are never cut between two files.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil && l.size > 0 && l.size+int64(len(b)) > l.max {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	if l.f == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
		if l.size > 0 && l.size+int64(len(b)) > l.max {
			if err := l.rotate(); err != nil {
				return 0, err
			}
		}
	}
	n, err := l.f.Write(b)
	l.size += int64(n)
	return n, err
}

func (l *logFile) open() error {
	f, err := atomicfile.Open(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	fi, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.f, l.size = f, fi.Size()
	return nil
}

// rotate sets the file aside and begins a new one. The caller holds mu.
func (l *logFile) rotate() error {
	err := l.f.Close()
	l.f = nil
	for n := l.keep; n > 0 && err == nil; n-- {
		from := l.path
		if n > 1 {
			from = l.aside(n - 1)
		}
		if err = os.Rename(from, l.aside(n)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if l.keep == 0 && err == nil {
		err = os.Remove(l.path)
	}
	return errors.Join(err, l.open())
}

func (l *logFile) aside(n int) string { return fmt.Sprintf("%s.%d", l.path, n) }

// Close closes the file; a later Write opens it again.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}
