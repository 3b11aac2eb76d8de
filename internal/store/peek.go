package store

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// PeekApprovals reads exec-approvals.json of a state directory that somebody
// else may hold; nil when there is none. What others can write is an error.
func PeekApprovals(dir string) ([]byte, error) {
	return Approvals{&Store{opt: Options{Dir: dir}}}.Read()
}

// PeekDocument reads a document of a state directory that somebody else may
// hold; nil when there is none.
func PeekDocument(dir string, folder Folder, name string) ([]byte, error) {
	b, err := atomicfile.Read(filepath.Join(dir, string(folder), name), maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
