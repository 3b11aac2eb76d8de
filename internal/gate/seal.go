package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// RuleContentChanged refuses a run because a program or script is not what was
// judged any more.
const RuleContentChanged policy.RuleID = "exec.content_changed"

// ContentError says which file is not what was judged. Nothing ran.
type ContentError struct {
	Path, Judged, Found string
}

func (e *ContentError) Error() string {
	return fmt.Sprintf("%q changed after it was judged: it was %s, found %s", e.Path, short(e.Judged), short(e.Found))
}

// Bounds of the copies that are kept.
const (
	maxSealed      = 1 << 30
	maxSealedFiles = 256
)

// Sealer copies what a run executes to where no agent reaches, so that the run
// gets the content that was judged, whatever is written to its place between
// (R25). A copy is named by its hash, kept for the next run of the same
// content, and never changed.
type Sealer struct {
	dir string
	gid int

	mu     sync.Mutex
	copies map[string]*sealedCopy
	age    []string // hashes, oldest use first
}

type sealedCopy struct {
	id   fileID
	size int64
	uses int
}

// NewSealer keeps copies in dir, which the first of them empties. A gid above 0
// is the group of the runs, which may read them.
func NewSealer(dir string, gid int) *Sealer { return &Sealer{dir: dir, gid: gid} }

// open makes the place of the copies, without those of an earlier gateway.
func (s *Sealer) open() error {
	if s.copies != nil {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("gate: sealed copies: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o711); err != nil {
		return fmt.Errorf("gate: sealed copies: %w", err)
	}
	real, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return fmt.Errorf("gate: sealed copies: %w", err)
	}
	s.dir, s.copies = real, map[string]*sealedCopy{}
	return nil
}

// sealing is what one run executes.
type sealing struct {
	s     *Sealer
	files []sandbox.Sealed
	used  []string // hashes
	marks []mark
}

// mark is a name with what it led to when it was sealed.
type mark struct {
	path, real string
	id         fileID
}

// seal prepares the run of contents. What only root can change is run from its
// place. Without a mount namespace nothing can be shown in another's place, so
// the contents are looked at once more and that is all.
func (s *Sealer) seal(ctx context.Context, p policy.Permit, contents []policy.Program) (*sealing, error) {
	out := &sealing{s: s}
	for _, c := range contents {
		if c.SHA256 == "" {
			continue // nobody judged its content
		}
		if err := out.add(ctx, c); err != nil {
			out.release()
			return nil, err
		}
	}
	if p.Confinement().Level != policy.LevelIsolated {
		out.files = nil
	}
	return out, nil
}

func (l *sealing) add(ctx context.Context, c policy.Program) error {
	real, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return &ContentError{Path: c.Path, Judged: c.SHA256, Found: "nothing"}
	}
	if fixed(c.Path) && fixed(real) {
		return nil
	}
	if l.s == nil {
		return fmt.Errorf("%q can be changed while it runs, and there is no place for a sealed copy", c.Path)
	}
	st, err := os.Lstat(real)
	if err != nil {
		return &ContentError{Path: c.Path, Judged: c.SHA256, Found: "nothing"}
	}
	l.marks = append(l.marks, mark{c.Path, real, identify(st)})
	if fixed(real) || slices.ContainsFunc(l.files, func(f sandbox.Sealed) bool { return f.Path == real }) {
		return nil
	}
	if err := l.s.take(ctx, c, real); err != nil {
		return err
	}
	l.used = append(l.used, c.SHA256)
	l.files = append(l.files, sandbox.Sealed{Path: real, Copy: filepath.Join(l.s.dir, c.SHA256)})
	return nil
}

// take makes sure that there is a copy with the content that was judged.
func (s *Sealer) take(ctx context.Context, c policy.Program, real string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return err
	}
	name := filepath.Join(s.dir, c.SHA256)
	have, ok := s.copies[c.SHA256]
	if ok {
		if st, err := os.Lstat(name); err != nil || identify(st) != have.id {
			ok = false // somebody has been at it
		}
	}
	if !ok {
		made, err := s.copy(ctx, c, real, name)
		if err != nil {
			return err
		}
		if have != nil {
			made.uses = have.uses
		}
		s.copies[c.SHA256], have = made, made
	}
	have.uses++
	s.age = append(slices.DeleteFunc(s.age, func(h string) bool { return h == c.SHA256 }), c.SHA256)
	return nil
}

// copy writes the copy and holds its hash against what was judged.
func (s *Sealer) copy(ctx context.Context, c policy.Program, real, name string) (_ *sealedCopy, err error) {
	in, err := openRegular(real)
	if err != nil {
		return nil, &ContentError{Path: c.Path, Judged: c.SHA256, Found: "no readable file"}
	}
	defer in.Close()
	out, err := os.CreateTemp(s.dir, "new-")
	if err != nil {
		return nil, fmt.Errorf("gate: sealed copy: %w", err)
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = os.Remove(out.Name())
		}
	}()
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(out, sum), &bounded{ctx: ctx, r: in, left: maxSealed})
	if err != nil {
		return nil, fmt.Errorf("gate: sealed copy of %q: %w", c.Path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != c.SHA256 {
		return nil, &ContentError{Path: c.Path, Judged: c.SHA256, Found: got}
	}
	if s.gid > 0 {
		if err := out.Chown(-1, s.gid); err != nil {
			return nil, fmt.Errorf("gate: sealed copy: %w", err)
		}
	}
	if err := errors.Join(out.Chmod(0o550), os.Rename(out.Name(), name)); err != nil {
		return nil, fmt.Errorf("gate: sealed copy: %w", err)
	}
	st, err := os.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("gate: sealed copy: %w", err)
	}
	return &sealedCopy{id: identify(st), size: size}, nil
}

// bounded ends a copy that grows without end or that nobody waits for.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.left <= 0 {
		return 0, errors.New("it is larger than a program may be")
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// release lets copies go that no run uses, the oldest first.
func (l *sealing) release() {
	if l.s == nil {
		return
	}
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range l.used {
		s.copies[h].uses--
	}
	l.used = nil
	total := int64(0)
	for _, c := range s.copies {
		total += c.size
	}
	s.age = slices.DeleteFunc(s.age, func(h string) bool {
		c := s.copies[h]
		if c.uses > 0 || total <= maxSealed && len(s.copies) <= maxSealedFiles {
			return false
		}
		total -= c.size
		delete(s.copies, h)
		_ = os.Remove(filepath.Join(s.dir, h))
		return true
	})
}

// moved names what does not lead any more to the file that it led to when the
// run began: a name that was given to another file takes the sealed copy out
// of the run's view, so what ran later under it was not judged.
func (l *sealing) moved() (out []string) {
	for _, m := range l.marks {
		real, err := filepath.EvalSymlinks(m.path)
		if err == nil && real == m.real {
			if st, err := os.Lstat(real); err == nil && identify(st) == m.id {
				continue
			}
		}
		out = append(out, m.path)
	}
	return out
}

var errNotRegular = fmt.Errorf("%w: not a regular file", fs.ErrInvalid)

// openRegular opens a file whose content can be read to its end.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, readOnly, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
