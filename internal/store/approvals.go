package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// Approvals is the home's exec-approvals.json. What others can write is
// neither read nor written: whoever writes it decides which commands run.
type Approvals struct{ s *Store }

// ErrShared: somebody else can write the file or its folder.
var ErrShared = errors.New("store: can be written by others")

// Approvals of this state directory.
func (s *Store) Approvals() Approvals { return Approvals{s} }

// Path of the document.
func (a Approvals) Path() string { return filepath.Join(a.s.opt.Dir, "exec-approvals.json") }

// Stamp changes whenever the document may have; it is cheap.
func (a Approvals) Stamp() string {
	fi, err := os.Lstat(a.Path())
	if err != nil {
		return "none"
	}
	return fmt.Sprintf("%s %d %d", fi.Mode(), fi.Size(), fi.ModTime().UnixNano())
}

// Read returns the document, nil when there is none.
func (a Approvals) Read() ([]byte, error) {
	if err := a.private(); err != nil {
		return nil, err
	}
	b, err := atomicfile.Read(a.Path(), maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return b, nil
}

// Write replaces the document as a whole, with mode 0600.
func (a Approvals) Write(b []byte) error {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if a.s.closed {
		return ErrClosed
	}
	if err := a.private(); err != nil {
		return err
	}
	return a.s.write(a.Path(), b)
}

// private reports whether nobody else can write the document or put another
// in its place. Windows keeps no such modes.
func (a Approvals) private() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	for _, p := range []string{a.s.opt.Dir, a.Path()} {
		fi, err := os.Lstat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if m := fi.Mode().Perm(); m&0o022 != 0 {
			return fmt.Errorf("%w: %q has mode %04o, expected at most %04o", ErrShared, p, m, m&^0o022)
		}
	}
	return nil
}
