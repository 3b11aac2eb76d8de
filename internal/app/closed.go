package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// maxClosed bounds the paths that are masked for one run.
const maxClosed = 1000

var errTooManyClosed = errors.New("too many files match what is closed to agents")

// closeOff makes the run see nothing of what the file rules close, read by the
// same patterns as the decision: what is there is masked, what a pattern names
// to the letter and is not there cannot be made.
func closeOff(c *policy.Confinement, r policy.FileRules) error {
	patterns := slices.Concat(r.Always, r.Deny)
	shut := func(abs string) bool {
		for _, p := range patterns {
			if p.Covers(abs, r.Home) {
				return true
			}
		}
		return false
	}
	if shut(c.Workspace) {
		return fmt.Errorf("workspace %q lies below a denied path, so nothing can run in it", c.Workspace)
	}
	var roots []string
	for _, root := range c.ReadRoots {
		if !shut(root) {
			roots = append(roots, root)
		}
	}
	c.ReadRoots = roots
	f := finder{roots: append([]string{c.Workspace}, roots...)}
	for _, p := range patterns {
		if err := f.pattern(p, r.Home); err != nil {
			return fmt.Errorf("pattern %q: %w", p.Pattern, err)
		}
	}
	c.Masked = slices.Concat(c.Masked, f.found)
	if c.WorkspaceWrite {
		for _, abs := range f.absent {
			if strings.HasPrefix(abs, c.Workspace+"/") {
				c.ReadOnly = append(c.ReadOnly, abs)
			}
		}
	}
	return nil
}

// finder finds what patterns cover beneath roots.
type finder struct {
	roots         []string
	found, absent []string
	exact         bool // the pattern names one path
	seen          int
}

// related reports whether path is a root, above one or beneath one.
func (f *finder) related(path string) bool {
	for _, r := range f.roots {
		if path == "/" || path == r || strings.HasPrefix(r, path+"/") || strings.HasPrefix(path, r+"/") {
			return true
		}
	}
	return false
}

// beneath reports whether path lies in a root.
func (f *finder) beneath(path string) bool {
	for _, r := range f.roots {
		if strings.HasPrefix(path, r+"/") {
			return true
		}
	}
	return false
}

func (f *finder) pattern(p policy.PathPattern, home string) error {
	pat := p.Pattern
	if pat == "~" || strings.HasPrefix(pat, "~/") {
		pat = home + pat[1:]
	}
	f.exact = !strings.Contains(pat, "*")
	elements := strings.Split(strings.Trim(pat, "/"), "/")
	return f.descend("/", elements, func(abs string) bool { return p.Covers(abs, home) })
}

// descend follows the elements of a pattern from dir. covers has the last word
// about every path that is found.
func (f *finder) descend(dir string, elements []string, covers func(string) bool) error {
	if len(elements) == 0 || !f.related(dir) {
		return nil
	}
	name, rest := elements[0], elements[1:]
	switch {
	case name == "**":
		return f.walk(dir, covers)
	case !strings.Contains(name, "*"):
		return f.step(filepath.Join(dir, name), rest, covers)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // what we cannot list, the uid of runs cannot either
	}
	for _, e := range entries {
		if f.seen++; f.seen > maxWalk {
			return errTooManyFiles
		}
		if err := f.step(filepath.Join(dir, e.Name()), rest, covers); err != nil {
			return err
		}
	}
	return nil
}

// step goes on at one name, which is the end of the pattern when rest is empty.
func (f *finder) step(path string, rest []string, covers func(string) bool) error {
	if !f.related(path) {
		return nil
	}
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.exact:
		if path = filepath.Join(path, filepath.Join(rest...)); f.beneath(path) && covers(path) {
			f.absent = append(f.absent, path)
		}
		return nil
	case err != nil, fi.Mode()&fs.ModeSymlink != 0:
		return nil // a link is judged by where it leads
	case len(rest) > 0:
		return f.descend(path, rest, covers)
	}
	return f.add(path, covers)
}

// add keeps a path of the run's that is covered.
func (f *finder) add(path string, covers func(string) bool) error {
	if !f.beneath(path) || !covers(path) {
		return nil
	}
	if f.found = append(f.found, path); len(f.found) > maxClosed {
		return errTooManyClosed
	}
	return nil
}

// walk looks at everything of the run's beneath dir.
func (f *finder) walk(dir string, covers func(string) bool) error {
	for _, root := range f.roots {
		at := root
		if strings.HasPrefix(dir, root+"/") {
			at = dir
		} else if dir != "/" && dir != root && !strings.HasPrefix(root, dir+"/") {
			continue
		}
		err := filepath.WalkDir(at, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
				return nil
			case err != nil:
				return err
			case d.Type()&fs.ModeSymlink != 0:
				return nil
			}
			if f.seen++; f.seen > maxWalk {
				return errTooManyFiles
			}
			n := len(f.found)
			if err := f.add(path, covers); err != nil {
				return err
			}
			if len(f.found) > n && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
