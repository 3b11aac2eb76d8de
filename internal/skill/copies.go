package skill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// Copies are the gateway's own copies of skills, each under the hash of its
// content: what agents read and run. Only the gateway writes them, once.
type Copies struct {
	// Dir is <state>/skill-copies.
	Dir string
	// GID, when above 0, is the group of the uid that commands run under.
	GID int
}

// Path of the copy of a content.
func (c Copies) Path(sha256 string) string { return filepath.Join(c.Dir, sha256) }

// Put makes the copy of a bundle, or leaves the one that is there.
func (c Copies) Put(b Bundle) error {
	if c.Intact(b.SHA256) {
		return nil
	}
	if err := atomicfile.MkdirAll(c.Dir); err != nil {
		return err
	}
	if err := c.Remove(b.SHA256); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(c.Dir, ".new-")
	if err != nil {
		return err
	}
	defer func() { _ = removeAll(temp) }()
	if err := Write(temp, b.Files, c.modes()); err != nil {
		return err
	}
	if err := os.Rename(temp, c.Path(b.SHA256)); err != nil {
		return err
	}
	if err := c.close(c.Path(b.SHA256), fs.FileMode(0o500)); err != nil {
		return err
	}
	if !c.Intact(b.SHA256) {
		return fmt.Errorf("skill: the copy %q is not what was written", c.Path(b.SHA256))
	}
	return atomicfile.SyncDir(c.Dir)
}

// Intact reports whether the copy is the content that it is named after.
func (c Copies) Intact(sha256 string) bool {
	if len(sha256) != 64 || strings.ContainsAny(sha256, `/\.`) {
		return false
	}
	files, err := Read(c.Path(sha256))
	return err == nil && skillscan.Digest(files) == sha256
}

// Remove takes a copy away.
func (c Copies) Remove(sha256 string) error {
	if len(sha256) != 64 || strings.ContainsAny(sha256, `/\.`) {
		return fmt.Errorf("skill: %q is no hash", sha256)
	}
	return removeAll(c.Path(sha256))
}

func (c Copies) modes() Modes {
	m := Modes{File: 0o400, Program: 0o500, Folder: 0o700, GID: c.GID}
	if c.GID > 0 {
		m.File, m.Program = 0o440, 0o550
	}
	return m
}

// close makes every folder of a copy read-only.
func (c Copies) close(dir string, mode fs.FileMode) error {
	if c.GID > 0 {
		mode |= 0o050
	}
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(p, mode)
	})
}

// Modes of what Write makes.
type Modes struct {
	File, Program, Folder fs.FileMode
	GID                   int
}

// Private are the modes of what lies in the home.
var private = Modes{File: 0o600, Program: 0o700, Folder: 0o700}

// Write writes the entries of an admitted skill below dir, which must be an
// empty folder of ours.
func Write(dir string, files []skillscan.File, m Modes) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	own := func(name string) error {
		if m.GID <= 0 {
			return nil
		}
		return root.Lchown(name, -1, m.GID)
	}
	for i := range files {
		if files[i].Type == skillscan.Folder {
			if err := root.MkdirAll(files[i].Path, m.Folder); err != nil {
				return err
			}
		}
	}
	if err := own("."); err != nil {
		return err
	}
	for i := range files {
		f := &files[i]
		if d := path.Dir(f.Path); f.Type != skillscan.Folder && d != "." {
			if err := root.MkdirAll(d, m.Folder); err != nil {
				return err
			}
		}
		switch f.Type {
		case skillscan.Folder:
		case skillscan.Link:
			err = root.Symlink(f.Target, f.Path)
		case skillscan.Regular:
			err = writeFile(root, f, m)
		case skillscan.Special:
			err = refuse(RuleSpecial, f.Path, "it is neither a file, a folder nor a link")
		}
		if err == nil {
			err = own(f.Path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeFile(root *os.Root, f *skillscan.File, m Modes) error {
	mode := m.File
	if f.Mode&0o111 != 0 {
		mode = m.Program
	}
	w, err := root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(f.Data)
	return errors.Join(err, w.Chmod(mode), w.Sync(), w.Close())
}

// removeAll is os.RemoveAll of a folder whose folders may be read-only. A link
// is removed, not followed.
func removeAll(dir string) error {
	st, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.IsDir() {
		err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if d != nil && d.IsDir() {
				if cerr := os.Chmod(p, 0o700); cerr != nil {
					return cerr
				}
				return nil // a folder that could not be listed is tried again below
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}
