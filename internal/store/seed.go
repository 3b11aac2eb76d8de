package store

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

//go:embed workspace/*.md
var workspaceFiles embed.FS

// HomeFormat is the format that the marker of our homes names.
const HomeFormat = "openclaw-go"

// Marker is home.json: its presence says that a state directory is ours.
type Marker struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

// homeFolders exist in every home from the start, so that their modes are
// right before anything secret lies in them.
var homeFolders = [...]string{"agents", "credentials", "cron", "devices", "identity", "logs", "run", "security-reports", "skills"}

// SeedHome makes a state directory with its folders, mode 0700, and marks it
// as ours. It is for a home that is new or already ours; whoever calls it has
// made sure of that.
func SeedHome(dir string) error {
	if err := atomicfile.MkdirAll(dir); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for _, name := range homeFolders {
		if err := atomicfile.MkdirAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	b, err := json.Marshal(Marker{Format: HomeFormat, Version: 1})
	if err != nil {
		return err
	}
	_, err = SeedFile(filepath.Join(dir, "home.json"), append(b, '\n'))
	return err
}

// SeedWorkspace makes a workspace with the files that agents start from and
// returns the names of those it wrote. A file that exists stays as it is.
func SeedWorkspace(dir string) (written []string, err error) {
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	files, err := workspaceFiles.ReadDir("workspace")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := workspaceFiles.ReadFile(path.Join("workspace", f.Name()))
		if err != nil {
			return written, err
		}
		made, err := SeedFile(filepath.Join(dir, f.Name()), b)
		if err != nil {
			return written, err
		}
		if made == Written {
			written = append(written, f.Name())
		}
	}
	return written, nil
}

// Seeded says what SeedFile did. The zero value is nothing.
type Seeded uint8

// What SeedFile did.
const (
	Kept    Seeded = iota // something was there and is as it was
	Written               // the file is new
)

// SeedFile writes a file with mode 0600 if there is nothing under its name,
// not even a link. It appears as a whole or not at all.
func SeedFile(name string, content []byte) (Seeded, error) {
	if _, err := os.Lstat(name); err == nil {
		return Kept, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Kept, fmt.Errorf("store: %w", err)
	}
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".new-*")
	if err != nil {
		return Kept, fmt.Errorf("store: %w", err)
	}
	tmp := f.Name()
	defer func() { _ = os.Remove(tmp) }()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return Kept, fmt.Errorf("store: write %q: %w", name, err)
	}
	// A link, unlike a rename, never replaces what came there meanwhile.
	err = os.Link(tmp, name)
	if errors.Is(err, fs.ErrExist) {
		return Kept, nil
	}
	if err != nil {
		if err = writeNew(name, content); errors.Is(err, fs.ErrExist) {
			return Kept, nil
		}
	}
	if err == nil {
		err = atomicfile.SyncDir(dir)
	}
	if err != nil {
		return Kept, fmt.Errorf("store: write %q: %w", name, err)
	}
	return Written, nil
}

// writeNew is for file systems without links.
func writeNew(name string, content []byte) error {
	f, err := atomicfile.Open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
