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

// maxWalk bounds the names that are looked at to find steering files.
const maxWalk = 200_000

var errTooManyFiles = errors.New("too many files to find everything that must stay read-only")

// confine makes an agent's profile concrete for a run: patterns become the
// paths that match now. A file that steers programs is read-only where it
// exists, and masked where it would stand at the top of the workspace.
func (a *App) confine(r policy.Rules) (policy.Confinement, error) {
	c := r.Confinement
	if c.Workspace == "" {
		return c, nil
	}
	var deep []string // patterns that match at any depth
	c.ReadOnly = nil
	for _, s := range r.Files.Steering {
		pat := strings.Trim(s.Pattern, "/")
		rest, anywhere := strings.CutPrefix(pat, "**/")
		if anywhere || !strings.Contains(pat, "/") {
			deep = append(deep, rest)
		}
		c.ReadOnly = append(c.ReadOnly, filepath.Join(c.Workspace, rest))
	}
	found, err := steeringBelow(c.Workspace, deep)
	if err != nil {
		return c, fmt.Errorf("workspace %q: %w", c.Workspace, err)
	}
	c.ReadOnly = append(c.ReadOnly, found...)
	if err := closeOff(&c, r.Files); err != nil {
		return c, err
	}
	for _, g := range r.Skills {
		c.ReadRoots = append(c.ReadRoots, g.Root)
	}
	c.ReadOnly = outermost(c.ReadOnly)
	c.Masked = visible(c.Masked, append([]string{c.Workspace}, c.ReadRoots...))
	return c, nil
}

// steeringBelow finds what matches a pattern below the first level. Folders
// that only tools fill are not entered.
func steeringBelow(workspace string, patterns []string) ([]string, error) {
	var out []string
	n := 0
	err := filepath.WalkDir(workspace, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				return nil
			}
			return err
		}
		if n++; n > maxWalk {
			return errTooManyFiles
		}
		dir := filepath.Dir(path)
		if path == workspace || dir == workspace && !d.IsDir() {
			return nil
		}
		for _, p := range patterns {
			first, rest, deeper := strings.Cut(p, "/")
			if d.Name() != first || dir == workspace {
				continue
			}
			at := path
			if deeper {
				at = filepath.Join(path, rest)
				if _, err := os.Lstat(at); err != nil {
					continue
				}
			}
			out = append(out, at)
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		return nil
	})
	return out, err
}

// outermost drops paths beneath others of the list, so that each is mounted
// once.
func outermost(paths []string) []string {
	slices.Sort(paths)
	var out []string
	for _, p := range slices.Compact(paths) {
		if len(out) > 0 && strings.HasPrefix(p, out[len(out)-1]+"/") {
			continue
		}
		out = append(out, p)
	}
	return out
}

// visible keeps what lies beneath a root of the run: the rest is not there.
// Wildcards become the names that match now.
func visible(masked, roots []string) []string {
	var out []string
	for _, m := range masked {
		paths := []string{m}
		if strings.Contains(m, "*") {
			var err error
			if paths, err = filepath.Glob(m); err != nil {
				continue
			}
		}
		for _, p := range paths {
			if !filepath.IsAbs(p) {
				continue
			}
			p, err := filepath.EvalSymlinks(p)
			if err != nil {
				continue // nothing is there to be seen
			}
			for _, r := range roots {
				if strings.HasPrefix(p, strings.TrimSuffix(r, "/")+"/") {
					out = append(out, filepath.Clean(p))
					break
				}
			}
		}
	}
	return outermost(out)
}
