package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// Folder is a place for documents of other parts. The zero value is none.
type Folder string

// Folders.
const (
	FolderDevices     Folder = "devices"     // paired.json, pending.json
	FolderCron        Folder = "cron"        // jobs.json
	FolderCredentials Folder = "credentials" // <channel>-pairing.json, <channel>-allowFrom.json
	FolderApprovals   Folder = "approvals"   // questions and rules at rest
)

// Documents keeps small files of one folder. Its zero value refuses.
type Documents struct {
	s   *Store
	dir string
}

// maxDocument bounds one document.
const maxDocument = 16 << 20

func documentName(s string) bool {
	return named(s, 200, func(c byte) bool { return c == '.' || c == '_' || c == '-' })
}

// transcriptName reports the file of a transcript.
func transcriptName(s string) bool {
	id, ok := strings.CutSuffix(s, ".jsonl")
	return ok && named(id, 201, func(c byte) bool { return c == '-' })
}

const asideForm = "2006-01-02T15-04-05.000Z"

// Documents opens a folder for documents.
func (s *Store) Documents(f Folder) Documents {
	switch f {
	case FolderDevices, FolderCron, FolderCredentials, FolderApprovals:
		return Documents{s: s, dir: filepath.Join(s.opt.Dir, string(f))}
	}
	return Documents{}
}

func (d Documents) path(name string) (string, error) {
	if d.s == nil || !documentName(name) {
		return "", fmt.Errorf("%w: document %q", ErrName, name)
	}
	return filepath.Join(d.dir, name), nil
}

// Read returns a document, nil when there is none.
func (d Documents) Read(name string) ([]byte, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	b, err := atomicfile.Read(path, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return b, nil
}

// Write replaces a document as a whole, with mode 0600; it is on disk when
// Write returns. After Close it is refused: another gateway may own the state.
func (d Documents) Write(name string, b []byte) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	if len(b) > maxDocument {
		return fmt.Errorf("store: document %q has %d bytes, at most %d fit", name, len(b), maxDocument)
	}
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if d.s.closed {
		return ErrClosed
	}
	if err := atomicfile.MkdirAll(d.dir); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return d.s.write(path, b)
}

// write replaces a file. What must not go back to an older content unseen goes
// by way of Options.Keep.
func (s *Store) write(path string, b []byte) error {
	put := func() error { return atomicfile.Write(path, b) }
	err := error(nil)
	if rel, rerr := filepath.Rel(s.opt.Dir, path); rerr == nil && s.opt.Keep != nil && kept(filepath.ToSlash(rel)) {
		err = s.opt.Keep(filepath.ToSlash(rel), b, put)
	} else {
		err = put()
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// kept reports the files that hold rights which can be taken away: devices,
// senders, answers. Jobs and requests that wait hold none.
func kept(file string) bool {
	folder, name, deep := strings.Cut(file, "/")
	if !deep {
		return true // the standing answers, at the top of the state
	}
	switch Folder(folder) {
	case FolderDevices:
		return name != "pending.json"
	case FolderCredentials:
		return strings.HasSuffix(name, "-allowFrom.json")
	case FolderApprovals:
		return true
	case FolderCron:
	}
	return false
}
