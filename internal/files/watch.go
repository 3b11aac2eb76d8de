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

// MaxWatch bounds the names of a snapshot.
const MaxWatch = 200_000

// Snapshot is what stood beneath a directory at one moment.
type Snapshot struct {
	root  string
	files map[string]stamp
	dirs  map[string]bool
	large bool // too many to look at
	shut  bool // a folder that may not be listed
}

// Len is the number of files.
func (s Snapshot) Len() int { return len(s.files) }

func (s Snapshot) empty() bool { return len(s.files) == 0 && !s.large }

// Take looks at everything beneath root without opening any of it. More than
// MaxWatch names are ErrTooLarge.
func Take(ctx context.Context, root string) (Snapshot, error) { return take(ctx, root, MaxWatch) }

func take(ctx context.Context, root string, most int) (Snapshot, error) {
	s := Snapshot{root: root, files: map[string]stamp{}, dirs: map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if e := ctx.Err(); e != nil {
			return e
		}
		switch {
		case isNotExist(err):
			return nil
		case errors.Is(err, fs.ErrPermission) && path != root:
			s.shut = true
			return fs.SkipDir
		case err != nil:
			return err
		case len(s.files)+len(s.dirs) >= most:
			return fmt.Errorf("more than %d files: %w", most, ErrTooLarge)
		}
		if d.IsDir() {
			s.dirs[path] = true
			return nil
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

// Ground is where a run reads and writes besides the system.
type Ground struct {
	// Workspace is accounted for file by file.
	Workspace string
	// Cache outlives runs beside the workspace; it is accounted for as a whole.
	// "" is none.
	Cache string
	// ReadRoots are read-only for the run.
	ReadRoots []string
}

// Watch accounts for what a run writes and may have read.
type Watch struct {
	tree   *Tree
	id     string
	ground Ground
	was    Snapshot
	cache  Snapshot
}

// maxCache bounds the files of a cache that are looked at; a larger one counts
// as changed by every run.
const maxCache = 20_000

// Begin must be called before anything that may write beneath root starts. The
// run is on record before Begin returns: should this process die, what changed
// since counts as unknown.
func (t *Tree) Begin(ctx context.Context, root string) (*Watch, error) {
	return t.BeginRun(ctx, Ground{Workspace: root})
}

// BeginRun is Begin for a run that has more than a workspace.
func (t *Tree) BeginRun(ctx context.Context, g Ground) (*Watch, error) {
	w := &Watch{tree: t, id: rand.Text(), ground: g}
	var err error
	if w.was, err = Take(ctx, g.Workspace); err != nil {
		return nil, err
	}
	if w.cache, err = takeCache(ctx, g.Cache); err != nil {
		return nil, err
	}
	if t.labels != nil {
		if err := t.labels.append(line{Run: w.id, Root: g.Workspace}); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// takeCache looks at a cache; one that is not there is empty, and of one that
// is too large nothing is known.
func takeCache(ctx context.Context, dir string) (Snapshot, error) {
	if dir == "" {
		return Snapshot{}, nil
	}
	s, err := take(ctx, dir, maxCache)
	if errors.Is(err, ErrTooLarge) {
		return Snapshot{root: dir, large: true}, nil
	}
	return s, err
}

// Carries names who tells the labels of the run while it goes on: what it may
// have written by then carries them. f must not use the label store.
func (w *Watch) Carries(f func() claw.Labels) {
	l := w.tree.labels
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.runs[w.id]; ok {
		r.carries = f
		l.runs[w.id] = r
	}
}

// End compares, records every changed file with labels and the view's own, and
// closes the account. When it fails the account stays open, so that what
// changed counts as unknown; so it does with ErrShut, which comes with the
// changes that were seen. It may be called again for a background run: each
// call tells of the changes since the last one, and only done closes.
func (w *Watch) End(ctx context.Context, labels claw.Labels) ([]Change, error) {
	changes, err := w.Sofar(ctx, labels)
	if err != nil {
		return nil, err
	}
	if w.was.shut {
		return changes, fmt.Errorf("files: beneath %q: %w", w.was.root, ErrShut)
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
	records := w.names(is, labels)
	for i := range changes {
		c := &changes[i]
		if c.Kind == Removed {
			continue
		}
		if !is.files[c.Path].mode.IsRegular() {
			records = append(records, Record{Path: c.Path, Labels: labels | w.tree.carries(), By: w.tree.by, Agent: true}) // where a link leads is text too
			continue
		}
		c.SHA256, err = hashBeneath(w.was.root, c.Path)
		if isNotExist(err) {
			continue
		}
		if err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("files: %q: %w", c.Path, err)
		}
		records = append(records, Record{Path: c.Path, SHA256: c.SHA256, Size: is.files[c.Path].size, Labels: labels | w.tree.carries(), By: w.tree.by, Agent: true})
	}
	cache, err := takeCache(ctx, w.ground.Cache)
	if err != nil {
		return nil, err
	}
	if cache.large || len(Compare(w.cache, cache)) > 0 {
		records = append(records, w.cacheRecord(labels))
	}
	if w.tree.labels != nil {
		if err := w.tree.labels.Record(records...); err != nil {
			return nil, err
		}
	}
	w.was, w.cache = is, cache
	return changes, nil
}

// names records the folders that were made: their names are text as well.
func (w *Watch) names(is Snapshot, labels claw.Labels) (out []Record) {
	for dir := range is.dirs {
		if !w.was.dirs[dir] {
			out = append(out, Record{Path: dir, Labels: labels | w.tree.carries(), By: w.tree.by, Agent: true})
		}
	}
	return out
}

// cacheRecord says what the cache carries from now on. What lay in it before
// anything was recorded came from nobody knows where.
func (w *Watch) cacheRecord(labels claw.Labels) Record {
	r := Record{Path: w.ground.Cache, Labels: labels | w.tree.carries(), By: w.tree.by, Agent: true}
	if !w.cache.empty() {
		before, _ := w.tree.labels.folder(w.ground.Cache)
		r.Labels |= before
	}
	return r
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
