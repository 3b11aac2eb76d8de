package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/journal/index"
)

// indexLater indexes finished segments that have no index, one after the other,
// while nobody waits for it.
func (j *Journal) indexLater() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.indexing || j.closed {
		return
	}
	j.indexing = true
	j.idle.Go(func() {
		for j.indexNext() {
		}
	})
}

// indexNext makes one index and reports whether there may be another to make.
func (j *Journal) indexNext() bool {
	j.mu.Lock()
	closed := j.closed
	j.mu.Unlock()
	segs, err := segments(j.path.log)
	if err == nil && !closed {
		for _, s := range segs[:max(0, len(segs)-1)] {
			if _, ok := readIndex(s); ok || s.path == j.path.log {
				continue
			}
			if err = writeIndex(s); err == nil {
				return true
			}
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // dropped meanwhile
			}
			break
		}
	}
	if err != nil {
		j.opt.Report(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.indexing = false
	return false
}

func buildIndex(s segment) (index.Index, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return index.Index{}, err
	}
	defer func() { _ = f.Close() }()
	x, err := index.Build(io.LimitReader(f, s.size), s.size)
	if err != nil {
		return x, fmt.Errorf("journal: %q: %w", s.path, err)
	}
	return x, nil
}

func writeIndex(s segment) error {
	x, err := buildIndex(s)
	if err != nil {
		return err
	}
	return atomicfile.Write(s.path+indexSuffix, x.Encode())
}

// CheckIndexes compares the indexes of finished segments with what they should
// be, and names those that differ: a search by them may miss entries. They are
// no part of what Verify verifies; removing one is harmless.
func CheckIndexes(opt Options) (wrong []string, err error) {
	segs, err := segments(opt.paths().log)
	if err != nil {
		return nil, err
	}
	for _, s := range segs {
		name := s.path + indexSuffix
		have, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return wrong, fmt.Errorf("journal: %w", err)
		}
		if x, err := buildIndex(s); err != nil || !bytes.Equal(have, x.Encode()) {
			wrong = append(wrong, name)
		}
	}
	return wrong, nil
}
