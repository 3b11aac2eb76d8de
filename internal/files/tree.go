package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Tree is what one agent may touch. It is safe for concurrent use and holds no
// descriptor between calls.
type Tree struct {
	roots    []RootSpec // deepest first
	cwd      string
	home     string
	owners   []int
	newOwner *Owner
	labels   *Labels

	// What is written through this view carries these labels, and those of
	// what was read through it.
	writing claw.Labels
	by      string
	read    *atomic.Uint32
}

// New makes a Tree. Every root must be an absolute path of a directory that
// exists, without a symbolic link in it.
func New(o Options) (*Tree, error) {
	t := &Tree{home: o.Home, owners: slices.Clone(o.Owners), newOwner: o.NewOwner, labels: o.Labels,
		writing: claw.Untrusted | claw.Private, by: "unknown", read: &atomic.Uint32{}}
	if len(t.owners) == 0 {
		t.owners = []int{os.Getuid()}
	}
	for _, r := range o.Roots {
		if !filepath.IsAbs(r.Path) || filepath.Clean(r.Path) != r.Path {
			return nil, fmt.Errorf("files: root %q is not a clean absolute path", r.Path)
		}
		real, err := filepath.EvalSymlinks(r.Path)
		if err != nil {
			return nil, fmt.Errorf("files: root %q: %w", r.Path, err)
		}
		if real != r.Path {
			return nil, fmt.Errorf("files: root %q leads through a link to %q; give that path", r.Path, real)
		}
		if fi, err := os.Lstat(r.Path); err != nil || !fi.IsDir() {
			return nil, fmt.Errorf("files: root %q is not a directory", r.Path)
		}
		t.roots = append(t.roots, r)
	}
	slices.SortStableFunc(t.roots, func(a, b RootSpec) int { return len(b.Path) - len(a.Path) })
	t.cwd = o.Cwd
	if t.cwd != "" && !filepath.IsAbs(t.cwd) {
		return nil, fmt.Errorf("files: working directory %q is not absolute", t.cwd)
	}
	return t, nil
}

// As is the same tree for one call of a session: what is written through it is
// recorded with labels and with those of whatever was read through it before.
// Without As everything written is untrusted and private.
func (t *Tree) As(labels claw.Labels, by string) *Tree {
	c := *t
	c.writing, c.by, c.read = labels, by, &atomic.Uint32{}
	return &c
}

// rootOf is the deepest root that contains abs, and abs beneath it ("." for the
// root itself).
func (t *Tree) rootOf(abs string) (RootSpec, string, error) {
	if !filepath.IsAbs(abs) || filepath.Clean(abs) != abs || strings.ContainsRune(abs, 0) {
		return RootSpec{}, "", fmt.Errorf("files: %q is not a clean absolute path: %w", abs, ErrOutside)
	}
	for _, r := range t.roots {
		if r.Access == NoAccess {
			if beneath(abs, r.Path) {
				break // a closed root inside an open one
			}
			continue
		}
		if abs == r.Path {
			return r, ".", nil
		}
		if beneath(abs, r.Path) {
			return r, strings.TrimLeft(strings.TrimPrefix(abs, r.Path), string(filepath.Separator)), nil
		}
	}
	return RootSpec{}, "", fmt.Errorf("files: %q: %w", abs, ErrOutside)
}

// beneath reports whether abs is dir or inside it; both are clean.
func beneath(abs, dir string) bool {
	if abs == dir {
		return true
	}
	if !strings.HasSuffix(dir, string(filepath.Separator)) {
		dir += string(filepath.Separator)
	}
	return strings.HasPrefix(abs, dir)
}

// checked is a file that passed every check, open for reading.
type checked struct {
	f      *os.File
	st     stat
	linked bool
}

// open opens abs for reading and checks the very handle that it returns.
func (t *Tree) open(abs string) (RootSpec, checked, error) {
	root, rel, err := t.rootOf(abs)
	if err != nil {
		return root, checked{}, err
	}
	if rel == "." {
		return root, checked{}, fmt.Errorf("files: %q is a directory: %w", abs, ErrNotRegular)
	}
	f, err := openFile(root.Path, rel)
	if err != nil {
		return root, checked{}, pathError(abs, err)
	}
	c := checked{f: f}
	if c.st, err = statOf(f); err == nil {
		c.linked, err = t.judge(root, c.st)
	}
	if err != nil {
		_ = f.Close()
		return root, checked{}, pathError(abs, err)
	}
	return root, c, nil
}

// judge says whether a file with this stat may be read, and whether it has a
// second name inside the root.
func (t *Tree) judge(root RootSpec, st stat) (linked bool, err error) {
	if !st.mode.IsRegular() {
		return false, fmt.Errorf("found a %s: %w", kindOf(st.mode), ErrNotRegular)
	}
	if st.uid >= 0 && !slices.Contains(t.owners, st.uid) && (root.Access != ReadOnly || st.uid != 0) {
		return false, fmt.Errorf("uid %d, expected one of %v: %w", st.uid, t.owners, ErrOwner)
	}
	if st.links > 1 {
		if !linksInside(root.Path, st) {
			return false, fmt.Errorf("%d names, not all beneath %q: %w", st.links, root.Path, ErrHardLink)
		}
		return true, nil
	}
	return false, nil
}

// pathError names the file and turns what the kernel says about links and
// mounts into ErrOutside.
func pathError(abs string, err error) error {
	if leftRoot(err) {
		return fmt.Errorf("files: %q: a link or a mount is in the way (%w): %w", abs, err, ErrOutside)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // its path may be a descriptor's
	}
	return fmt.Errorf("files: %q: %w", abs, err)
}

// maxLinkScan bounds the search for a file's other names.
const maxLinkScan = 50_000

// errFound ends a walk early.
var errFound = errors.New("files: found")

// linksInside reports whether every name of the file is beneath root. A tree
// too large to look through counts as no.
func linksInside(root string, st stat) bool {
	var found, seen uint64
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if seen++; seen > maxLinkScan {
			return ErrTooLarge
		}
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		fi, err := os.Lstat(path)
		if err != nil {
			return nil
		}
		if other, err := statInfo(fi); err == nil && other.id() == st.id() {
			if found++; found >= st.links {
				return errFound
			}
		}
		return nil
	})
	return errors.Is(err, errFound)
}

func kindOf(m fs.FileMode) Kind {
	switch {
	case m.IsRegular():
		return KindFile
	case m.IsDir():
		return KindDir
	case m&fs.ModeSymlink != 0:
		return KindLink
	}
	return KindOther
}
