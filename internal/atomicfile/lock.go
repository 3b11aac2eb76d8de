package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Lock is held by one process at a time. The kernel gives it up when the
// process ends, so there is nothing stale to take over by force.
type Lock struct {
	f    *os.File
	path string
}

// HeldError says who holds a lock. PID is 0 when the holder left no readable
// note of itself.
type HeldError struct {
	Path string
	PID  int
	// Start is the holder's start time as the kernel counts it; 0 unknown. A
	// live process with this PID and another start is a different one.
	Start uint64
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%q is locked by another process", e.Path)
	}
	return fmt.Sprintf("%q is locked by process %d", e.Path, e.PID)
}

// TryLock takes the lock at path or returns a *HeldError at once. The file is
// created when missing and stays when the lock is given up: removing it would
// let two processes lock two files of one name.
func TryLock(path string) (*Lock, error) {
	f, err := Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	err = lockFile(f)
	if err == nil {
		// Where the kernel lock is local to one machine (network file
		// systems) the note is the second line of defence.
		if h := readHolder(f, path); h.PID != 0 && h.PID != os.Getpid() && alive(h.PID, h.Start) {
			err = h
		}
	} else if errors.Is(err, errLocked) {
		err = readHolder(f, path)
	}
	if err != nil {
		_ = f.Close()
		var held *HeldError
		if errors.As(err, &held) {
			return nil, held
		}
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	note := fmt.Sprintf("%d %d\n", os.Getpid(), startTime(os.Getpid()))
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(note), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	return &Lock{f: f, path: path}, nil
}

func readHolder(f *os.File, path string) *HeldError {
	h := &HeldError{Path: path}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 64))
	if err != nil {
		return h
	}
	pid, start, ok := strings.Cut(strings.TrimSpace(string(b)), " ")
	if !ok {
		return h
	}
	p, err1 := strconv.Atoi(pid)
	s, err2 := strconv.ParseUint(start, 10, 64)
	if err1 == nil && err2 == nil && p > 0 {
		h.PID, h.Start = p, s
	}
	return h
}

// Holder reads who noted itself last in the lock file at path, and whether
// that process still lives. It takes no lock.
func Holder(path string) (HeldError, bool) {
	f, err := Open(path, os.O_RDONLY)
	if err != nil {
		return HeldError{Path: path}, false
	}
	defer func() { _ = f.Close() }()
	h := readHolder(f, path)
	return *h, h.PID != 0 && alive(h.PID, h.Start)
}

// Unlock gives the lock up. A second call does nothing.
func (l *Lock) Unlock() error {
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	err := f.Truncate(0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("unlock %q: %w", l.path, err)
	}
	return nil
}
