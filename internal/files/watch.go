package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// ChangeKind is what happened to a file. The zero kind is a change of any sort.
type ChangeKind uint8

// Change kinds.
const (
	Modified ChangeKind = iota
	Made
	Removed
)

func (k ChangeKind) String() string { return [...]string{"modified", "made", "removed"}[k] }

// Change is one file that is not as it was.
type Change struct {
	Path   string
	Kind   ChangeKind
	SHA256 string // "" when removed, not regular or larger than MaxHash
}

// MaxWatch bounds the files of a snapshot.
const MaxWatch = 200_000

// Snapshot is what stood beneath a directory at one moment.
type Snapshot struct {
	root  string
	files map[string]stamp
}

// Len is the number of files.
func (s Snapshot) Len() int { return len(s.files) }

// Take looks at everything beneath root that is no directory, without opening
// any of it. More than MaxWatch files are ErrTooLarge.
func Take(ctx context.Context, root string) (Snapshot, error) {
	s := Snapshot{root: root, files: map[string]stamp{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if e := ctx.Err(); e != nil {
			return e
		}
		switch {
		case isNotExist(err):
			return nil
		case err != nil:
			return err
		case d.IsDir() || isTemp(d.Name()):
			return nil
		case len(s.files) >= MaxWatch:
			return fmt.Errorf("more than %d files: %w", MaxWatch, ErrTooLarge)
		}
		fi, err := d.Info()
		if isNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		st, err := statInfo(fi)
		if err != nil {
			return err
		}
		s.files[path] = st.stamp()
		return nil
	})
	if err != nil {
		return Snapshot{}, fmt.Errorf("files: look at %q: %w", root, err)
	}
	return s, nil
}

// Compare lists what differs, in order of path. A file that was replaced by
// one of the same size and time still differs: its inode or ctime does.
func Compare(was, is Snapshot) []Change {
	var out []Change
	for path, now := range is.files {
		if then, ok := was.files[path]; !ok {
			out = append(out, Change{Path: path, Kind: Made})
		} else if then != now {
			out = append(out, Change{Path: path, Kind: Modified})
		}
	}
	for path := range was.files {
		if _, ok := is.files[path]; !ok {
			out = append(out, Change{Path: path, Kind: Removed})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// Watch accounts for what a run writes beneath one root.
type Watch struct {
	tree *Tree
	id   string
	was  Snapshot
}

// Begin must be called before anything that may write beneath root starts. The
// run is on record before Begin returns: should this process die, what changed
// since counts as unknown.
func (t *Tree) Begin(ctx context.Context, root string) (*Watch, error) {
	w := &Watch{tree: t, id: rand.Text()}
	var err error
	if w.was, err = Take(ctx, root); err != nil {
		return nil, err
	}
	if t.labels != nil {
		if err := t.labels.append(line{Run: w.id, Root: root}); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// End compares, records every changed file with labels and the view's own, and
// closes the account. When it fails the account stays open, so that what
// changed counts as unknown. It may be called again for a background run: each
// call tells of the changes since the last one, and only done closes.
func (w *Watch) End(ctx context.Context, labels claw.Labels) ([]Change, error) {
	changes, err := w.Sofar(ctx, labels)
	if err != nil {
		return nil, err
	}
	if w.tree.labels != nil {
		if err := w.tree.labels.append(line{End: w.id}); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// Sofar is End for a run that goes on: the account stays open, and the next
// call tells of the changes since this one.
func (w *Watch) Sofar(ctx context.Context, labels claw.Labels) ([]Change, error) {
	is, err := Take(ctx, w.was.root)
	if err != nil {
		return nil, err
	}
	changes := Compare(w.was, is)
	var records []Record
	for i := range changes {
		c := &changes[i]
		if c.Kind == Removed || !is.files[c.Path].mode.IsRegular() {
			continue
		}
		c.SHA256, err = hashBeneath(w.was.root, c.Path)
		if isNotExist(err) {
			continue
		}
		if err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("files: %q: %w", c.Path, err)
		}
		records = append(records, Record{Path: c.Path, SHA256: c.SHA256, Labels: labels | w.tree.writing, By: w.tree.by, Agent: true})
	}
	if w.tree.labels != nil {
		if err := w.tree.labels.Record(records...); err != nil {
			return nil, err
		}
	}
	w.was = is
	return changes, nil
}

// hashBeneath hashes a regular file; larger than MaxHash is ErrTooLarge.
func hashBeneath(root, abs string) (string, error) {
	rel, err := filepath.Rel(root, abs)
	if err != nil {
		return "", err
	}
	f, err := openFile(root, rel)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, sum, _, err := readAll(f, 0)
	if err == nil && sum == "" {
		return "", ErrTooLarge
	}
	return sum, err
}

// HashFile hashes a regular file beneath one of the tree's roots, for a person
// who vouches for it.
func (t *Tree) HashFile(abs string) (string, error) {
	_, c, err := t.open(abs)
	if err != nil {
		return "", err
	}
	defer c.f.Close()
	_, sum, _, err := readAll(c.f, 0)
	if err == nil && sum == "" {
		return "", fmt.Errorf("files: %q: %w", abs, ErrTooLarge)
	}
	return sum, err
}
