// Package skill is the skills of a home on disk: it reads, fetches, pins them.
// It follows no link out of a folder, opens nothing that is no file, keeps
// nothing that was not looked at as a whole, runs nothing.
package skill

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// Limits of reading one folder.
const (
	maxDepth = 32
	maxTotal = skillscan.MaxTotal + 1<<20
)

// Read gives the entries of a skill's folder, or the one file that dir names.
// What cannot be read is an entry that says why; only a dir that cannot be
// opened is an error.
func Read(dir string) ([]skillscan.File, error) { return read(dir, "") }

// read is Read without the entry at the top that is called but.
func read(dir, but string) ([]skillscan.File, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if st.Mode().IsRegular() {
		root, err := os.OpenRoot(filepath.Dir(dir))
		if err != nil {
			return nil, err
		}
		defer root.Close()
		r := reader{root: root}
		r.entry(filepath.Base(dir), 0)
		return r.out, nil
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%q is neither a folder nor a file", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	r := reader{root: root, but: but}
	r.folder(".", 0)
	return r.out, nil
}

type reader struct {
	root  *os.Root
	but   string
	out   []skillscan.File
	total int
	full  bool
}

// unread notes what was not looked at.
func (r *reader) unread(name, why string) {
	r.out = append(r.out, skillscan.File{Path: name, Type: skillscan.Regular, Unread: why})
}

func (r *reader) folder(name string, depth int) {
	if depth > maxDepth {
		r.unread(name, "folders nested too deep")
		return
	}
	d, err := r.root.Open(name)
	if err != nil {
		r.unread(name, reason(err))
		return
	}
	defer d.Close()
	for !r.full {
		names, err := d.Readdirnames(256)
		slices.Sort(names)
		for _, n := range names {
			if r.but != "" && name == "." && n == r.but {
				continue
			}
			r.entry(path.Join(name, n), depth+1)
			if len(r.out) > skillscan.MaxFiles {
				r.unread(".", fmt.Sprintf("more than %d entries", skillscan.MaxFiles))
				r.full = true
			}
			if r.full {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				r.unread(name, reason(err))
			}
			return
		}
	}
}

func (r *reader) entry(name string, depth int) {
	st, err := r.root.Lstat(name)
	if err != nil {
		r.unread(name, reason(err))
		return
	}
	f := skillscan.File{Path: name, Mode: uint32(st.Mode().Perm())}
	if st.Mode()&fs.ModeSetuid != 0 {
		f.Mode |= 0o4000
	}
	if st.Mode()&fs.ModeSetgid != 0 {
		f.Mode |= 0o2000
	}
	switch {
	case st.IsDir():
		f.Type = skillscan.Folder
		r.out = append(r.out, f)
		r.folder(name, depth)
		return
	case st.Mode()&fs.ModeSymlink != 0:
		f.Type = skillscan.Link
		if f.Target, err = r.root.Readlink(name); err != nil {
			f.Unread = reason(err)
		}
	case st.Mode().IsRegular():
		f.Type = skillscan.Regular
		f.Data, f.Unread = r.bytes(name, st)
	default:
		f.Type = skillscan.Special
	}
	r.out = append(r.out, f)
}

// bytes reads one file. What changed its kind meanwhile is not read.
func (r *reader) bytes(name string, st fs.FileInfo) (data []byte, why string) {
	if st.Size() > skillscan.MaxFile {
		return nil, fmt.Sprintf("%d bytes are more than %d", st.Size(), skillscan.MaxFile)
	}
	if r.total > maxTotal {
		return nil, fmt.Sprintf("the folder holds more than %d bytes", skillscan.MaxTotal)
	}
	f, err := r.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(st, now) || !now.Mode().IsRegular() {
		return nil, "changed while it was read"
	}
	data, err = io.ReadAll(io.LimitReader(f, skillscan.MaxFile+1))
	r.total += len(data)
	if err != nil {
		return nil, reason(err)
	}
	if len(data) > skillscan.MaxFile {
		return nil, fmt.Sprintf("more than %d bytes", skillscan.MaxFile)
	}
	return data, ""
}

// reason is an error without the path, which is said beside it.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// Limits of looking for skills.
const (
	maxFound   = 2000
	maxVisited = 20_000
)

// Find lists the folders at most three levels below dir that hold a SKILL.md,
// as paths below dir. Links are not followed. Complete is false when there was
// more than is looked at.
func Find(dir string) (found []string, complete bool) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Is(err, fs.ErrNotExist)
	}
	defer root.Close()
	complete = true
	visited := 0
	var walk func(name string, depth int)
	walk = func(name string, depth int) {
		entries, err := fs.ReadDir(root.FS(), name)
		if err != nil {
			complete = false
			return
		}
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.EqualFold(e.Name(), "SKILL.md") }) && name != "." {
			found = append(found, filepath.FromSlash(name))
			return
		}
		for _, e := range entries {
			if visited++; visited > maxVisited || len(found) >= maxFound {
				complete = false
				return
			}
			if e.IsDir() && depth < 3 && e.Name() != "node_modules" && e.Name() != ".git" {
				walk(path.Join(name, e.Name()), depth+1)
			}
		}
	}
	walk(".", 0)
	return found, complete
}
