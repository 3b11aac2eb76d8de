package files

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Read reads at most limit bytes of a regular file that passed every check, and
// hashes the whole of it. limit ≤ 0 means MaxRead.
func (t *Tree) Read(p policy.Permit, abs string, limit int64) (Content, error) {
	if !p.Valid() {
		return Content{}, fmt.Errorf("read %q: %w", abs, ErrNotPermitted)
	}
	c, err := t.content(abs, limit)
	t.read.Or(uint32(c.Labels))
	return c, err
}

// Peek reads for a person's eyes: an approval card, a diff. Its result must
// not reach an agent. A file larger than limit is refused.
func (t *Tree) Peek(abs string, limit int64) ([]byte, error) {
	c, err := t.Look(abs, limit)
	if err == nil && c.Size > int64(len(c.Data)) {
		return nil, fmt.Errorf("files: %q: %d bytes, at most %d: %w", abs, c.Size, limit, ErrTooLarge)
	}
	return c.Data, err
}

// Look is Peek with what is known of the content. A file larger than limit is
// cut.
func (t *Tree) Look(abs string, limit int64) (Content, error) { return t.content(abs, limit) }

func (t *Tree) content(abs string, limit int64) (Content, error) {
	root, c, err := t.open(abs)
	if err != nil {
		return Content{}, err
	}
	defer c.f.Close()
	if limit <= 0 || limit > MaxRead {
		limit = MaxRead
	}
	data, sum, size, err := readAll(c.f, limit)
	if err != nil {
		return Content{}, pathError(abs, err)
	}
	if after, err := statOf(c.f); err != nil || after.stamp() != c.st.stamp() {
		return Content{}, fmt.Errorf("files: %q: %w", abs, ErrChanged)
	}
	out := Content{Data: data, Size: size, SHA256: sum, Linked: c.linked}
	out.Labels, out.Origin = t.labels.Of(Subject{Path: abs, SHA256: sum, Workspace: root.Workspace, Vouched: root.Vouched, Changed: c.st.ctime})
	return out, nil
}

// readAll reads up to limit bytes and hashes up to MaxHash. It reads no more
// than that, however large the file says or turns out to be.
func readAll(r io.Reader, limit int64) (data []byte, sum string, size int64, err error) {
	h := sha256.New()
	data, err = io.ReadAll(io.TeeReader(io.LimitReader(r, limit), h))
	if err != nil {
		return nil, "", 0, err
	}
	rest, err := io.Copy(h, io.LimitReader(r, MaxHash-int64(len(data))+1))
	if err != nil {
		return nil, "", 0, err
	}
	size = int64(len(data)) + rest
	if size <= MaxHash {
		sum = hex.EncodeToString(h.Sum(nil))
	}
	return data, sum, size, nil
}

// Write replaces or makes abs in one step: readers see the old content or the
// new. The mode of what was there is kept, without set-id bits. A non-empty
// expect is the hash that the present content must have, else ErrChanged and
// nothing happens. What is written is recorded with this view's labels first.
func (t *Tree) Write(p policy.Permit, abs string, data []byte, expect string) error {
	if !p.Valid() {
		return fmt.Errorf("write %q: %w", abs, ErrNotPermitted)
	}
	if len(data) > MaxWrite {
		return fmt.Errorf("files: %q: %d bytes, at most %d: %w", abs, len(data), MaxWrite, ErrTooLarge)
	}
	root, rel, err := t.writable(abs)
	if err != nil {
		return err
	}
	old, err := t.target(root, abs, expect)
	if err != nil {
		return err
	}
	if t.labels != nil {
		sum := sha256.Sum256(data)
		if err := t.labels.Record(append(t.newDirs(root.Path, abs), Record{Path: abs, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), Labels: t.carries(), By: t.by, Agent: true})...); err != nil {
			return err // no effect without its record
		}
	}
	dir, err := makeDirs(root.Path, filepath.Dir(rel), t.newOwner)
	if err != nil {
		return pathError(abs, err)
	}
	defer dir.Close()
	if err := t.replace(dir, filepath.Base(rel), data, old); err != nil {
		return pathError(abs, err)
	}
	return nil
}

// newDirs are records of the folders that a write at abs will make.
func (t *Tree) newDirs(root, abs string) (out []Record) {
	for dir := filepath.Dir(abs); beneath(dir, root) && dir != root; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); err == nil {
			break
		}
		out = append(out, Record{Path: dir, Labels: t.carries(), By: t.by, Agent: true})
	}
	return out
}

// carries are the labels of what this view writes.
func (t *Tree) carries() claw.Labels { return t.writing | claw.Labels(t.read.Load()) }

// before is what stood at a path before it is replaced.
type before struct {
	there bool
	st    stat
	sum   string // when the caller expects one
}

// writable is rootOf for changes.
func (t *Tree) writable(abs string) (RootSpec, string, error) {
	root, rel, err := t.rootOf(abs)
	if err != nil {
		return root, "", err
	}
	if root.Access != ReadWrite {
		return root, "", fmt.Errorf("files: %q is beneath %q: %w", abs, root.Path, ErrReadOnly)
	}
	if rel == "." {
		return root, "", fmt.Errorf("files: %q is a root: %w", abs, ErrNotRegular)
	}
	if isTemp(filepath.Base(rel)) {
		return root, "", fmt.Errorf("files: names like %q are taken for unfinished files: %w", filepath.Base(rel), ErrOutside)
	}
	return root, rel, nil
}

// target looks at what would be replaced: nothing, or a regular file of ours
// with one name and the expected content.
func (t *Tree) target(root RootSpec, abs, expect string) (before, error) {
	_, c, err := t.open(abs)
	if isNotExist(err) {
		if expect != "" {
			return before{}, fmt.Errorf("files: %q is gone: %w", abs, ErrChanged)
		}
		return before{}, nil
	}
	if err != nil {
		return before{}, err
	}
	defer c.f.Close()
	if c.linked {
		return before{}, fmt.Errorf("files: %q: such a file is only read: %w", abs, ErrHardLink)
	}
	b := before{there: true, st: c.st}
	if expect == "" {
		return b, nil
	}
	_, sum, _, err := readAll(c.f, 0)
	if err != nil {
		return before{}, pathError(abs, err)
	}
	if sum != expect {
		return before{}, fmt.Errorf("files: %q: %w", abs, ErrChanged)
	}
	b.sum = sum
	return b, nil
}

// replace writes a temporary file beside name and moves it there. Where the
// platform can, a file that was not the one looked at survives: the two are
// exchanged, compared, and exchanged back.
func (t *Tree) replace(dir *os.Root, name string, data []byte, old before) (err error) {
	temp := tempName()
	mode := fs.FileMode(0o644)
	if old.there {
		mode = old.st.mode.Perm()
	}
	if err := t.fill(dir, temp, data, mode, old); err != nil {
		_ = dir.Remove(temp)
		return err
	}
	// What stands at temp afterwards is garbage: the new file if the move
	// failed, the replaced one if it worked.
	defer func() { _ = dir.Remove(temp) }()
	if !old.there {
		err = renameNew(dir, temp, name)
		if isExist(err) {
			return ErrChanged
		}
	} else {
		err = swap(dir, temp, name, old)
	}
	if errors.Is(err, ErrUnsupported) {
		err = dir.Rename(temp, name)
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// fill makes the temporary file.
func (t *Tree) fill(dir *os.Root, temp string, data []byte, mode fs.FileMode, old before) error {
	f, err := dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	switch {
	case old.there && old.st.uid >= 0 && old.st.uid != os.Getuid():
		err = f.Chown(old.st.uid, old.st.gid)
	case !old.there && t.newOwner != nil:
		err = f.Chown(t.newOwner.UID, t.newOwner.GID)
	}
	if err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// swap exchanges temp and name, and back again when name was not what was
// looked at.
func swap(dir *os.Root, temp, name string, old before) error {
	if err := exchange(dir, temp, name); err != nil {
		return err
	}
	if wasOld(dir, temp, old) {
		return nil
	}
	if err := exchange(dir, temp, name); err != nil {
		return fmt.Errorf("%w, and it could not be put back: %w", ErrChanged, err)
	}
	return ErrChanged
}

func wasOld(dir *os.Root, name string, old before) bool {
	fi, err := dir.Lstat(name)
	if err != nil {
		return false
	}
	st, err := statInfo(fi)
	if err != nil || st.id() != old.st.id() || st.links != 1 {
		return false
	}
	if old.sum == "" {
		return true
	}
	// Renaming moved ctime, so the content decides.
	f, err := openIn(dir, name)
	if err != nil {
		return false
	}
	defer f.Close()
	_, sum, _, err := readAll(f, 0)
	return err == nil && sum == old.sum
}

// Remove removes one regular file of ours.
func (t *Tree) Remove(p policy.Permit, abs string) error {
	if !p.Valid() {
		return fmt.Errorf("remove %q: %w", abs, ErrNotPermitted)
	}
	root, rel, err := t.writable(abs)
	if err != nil {
		return err
	}
	dir, err := openDir(root.Path, filepath.Dir(rel))
	if err != nil {
		return pathError(abs, err)
	}
	defer dir.Close()
	fi, err := dir.Lstat(filepath.Base(rel))
	if err != nil {
		return pathError(abs, err)
	}
	st, err := statInfo(fi)
	if err == nil && !st.mode.IsRegular() {
		err = fmt.Errorf("found a %s: %w", kindOf(st.mode), ErrNotRegular)
	}
	if err == nil && st.uid >= 0 && !slices.Contains(t.owners, st.uid) {
		err = fmt.Errorf("uid %d, expected one of %v: %w", st.uid, t.owners, ErrOwner)
	}
	if err == nil {
		err = dir.Remove(filepath.Base(rel))
	}
	if err != nil {
		return pathError(abs, err)
	}
	return syncDir(dir)
}

// Entries lists a directory by name. One with more than MaxEntries is refused.
func (t *Tree) Entries(p policy.Permit, abs string) ([]Entry, error) {
	if !p.Valid() {
		return nil, fmt.Errorf("list %q: %w", abs, ErrNotPermitted)
	}
	root, rel, err := t.rootOf(abs)
	if err != nil {
		return nil, err
	}
	dir, err := openDir(root.Path, rel)
	if err != nil {
		return nil, pathError(abs, err)
	}
	defer dir.Close()
	d, err := dir.Open(".")
	if err != nil {
		return nil, pathError(abs, err)
	}
	defer d.Close()
	list, err := d.ReadDir(MaxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, pathError(abs, err)
	}
	if len(list) > MaxEntries {
		return nil, fmt.Errorf("files: %q: more than %d names: %w", abs, MaxEntries, ErrTooLarge)
	}
	out := make([]Entry, 0, len(list))
	for _, e := range list {
		fi, err := dir.Lstat(e.Name())
		if err != nil || isTemp(e.Name()) {
			continue // gone meanwhile, or unfinished
		}
		out = append(out, Entry{Name: e.Name(), Kind: kindOf(fi.Mode()), Size: fi.Size()})
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// List is Entries as text: directories end in "/", links in "@", what is never
// opened in "?".
func (t *Tree) List(p policy.Permit, abs string) ([]string, error) {
	entries, err := t.Entries(p, abs)
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Name+[...]string{KindOther: "?", KindFile: "", KindDir: "/", KindLink: "@"}[e.Kind])
	}
	return out, err
}

// maxLaunch bounds launch configuration that is hashed.
const maxLaunch = 8 << 20

// Launch tells of a file that programs execute from; ok is false when nothing
// is there or no root holds it, since a run cannot see it then. What is there
// and cannot be read in full counts as written by an agent, seen by nobody.
func (t *Tree) Launch(abs string) (c policy.LaunchConfig, ok bool) {
	content, err := t.content(abs, maxLaunch)
	switch {
	case isNotExist(err), errors.Is(err, ErrOutside) && !t.holds(abs):
		return policy.LaunchConfig{}, false
	case err != nil, content.Size > int64(len(content.Data)):
		return policy.LaunchConfig{Path: abs, ByAgent: true}, true
	}
	byAgent, seen := t.labels.Provenance(abs, content.SHA256)
	return policy.LaunchConfig{Path: abs, SHA256: content.SHA256, ByAgent: byAgent || content.Origin == Unknown, Seen: seen}, true
}

// holds reports whether a root contains abs.
func (t *Tree) holds(abs string) bool {
	_, _, err := t.rootOf(abs)
	return err == nil
}

const tempPrefix, tempSuffix = ".openclaw-", ".tmp"

func tempName() string { return tempPrefix + strings.ToLower(rand.Text()) + tempSuffix }

func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

// syncDir makes a rename durable. Where directories cannot be synced there is
// nothing to do.
func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
