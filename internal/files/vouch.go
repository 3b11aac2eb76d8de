package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// MaxVouch bounds the files of a folder that a person vouches for at once.
const MaxVouch = 50_000

// Vouched is a file, or every file of a folder, as a person vouches for it.
type Vouched struct {
	// Path is absolute, links resolved.
	Path string `json:"path"`
	// SHA256 of the file; of a folder the state of all its files.
	SHA256 string `json:"sha256"`
	Files  int    `json:"files"`
	Folder bool   `json:"folder,omitempty"`

	records []Record
}

// LookAt reads what a person is about to vouch for. It changes nothing.
func LookAt(ctx context.Context, path string) (Vouched, error) {
	if !filepath.IsAbs(path) {
		return Vouched{}, fmt.Errorf("files: %q is not an absolute path", path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Vouched{}, fmt.Errorf("files: %w", err)
	}
	fi, err := os.Lstat(real)
	switch {
	case err != nil:
		return Vouched{}, fmt.Errorf("files: %w", err)
	case fi.Mode().IsRegular():
		r, err := vouchFor(filepath.Dir(real), real)
		return Vouched{Path: real, SHA256: r.SHA256, Files: 1, records: []Record{r}}, err
	case !fi.IsDir():
		return Vouched{}, fmt.Errorf("files: %q is a %s: %w", real, kindOf(fi.Mode()), ErrNotRegular)
	}
	s, err := take(ctx, real, MaxVouch)
	if err != nil {
		return Vouched{}, err
	}
	if s.shut {
		return Vouched{}, fmt.Errorf("files: beneath %q: %w", real, ErrShut)
	}
	v := Vouched{Path: real, SHA256: s.state(), Folder: true}
	for _, p := range slices.Sorted(maps.Keys(s.files)) {
		if !s.files[p].mode.IsRegular() {
			continue
		}
		r, err := vouchFor(real, p)
		switch {
		case isNotExist(err), errors.Is(err, ErrTooLarge), errors.Is(err, fs.ErrPermission):
			continue // stays unknown
		case err != nil:
			return Vouched{}, err
		}
		v.records = append(v.records, r)
	}
	v.Files = len(v.records)
	if after, err := take(ctx, real, MaxVouch); err != nil || after.state() != v.SHA256 {
		return Vouched{}, errors.Join(fmt.Errorf("files: %q: %w", real, ErrChanged), err)
	}
	return v, nil
}

func vouchFor(root, path string) (Record, error) {
	sum, err := hashBeneath(root, path)
	if err != nil {
		return Record{}, fmt.Errorf("files: %q: %w", path, err)
	}
	return Record{Path: path, SHA256: sum, Labels: claw.Private, Trusted: true}, nil
}

// Vouch records that a person vouches for what they looked at: private, no
// longer untrusted, until it changes.
func (l *Labels) Vouch(v Vouched, by string) error {
	if len(v.records) == 0 && !v.Folder {
		return fmt.Errorf("%w: nothing to vouch for", ErrStore)
	}
	records := slices.Clone(v.records)
	if v.Folder {
		records = append(records, Record{Path: v.Path, Tree: v.SHA256})
	}
	for i := range records {
		records[i].By = by
	}
	return l.Record(records...)
}

// state is a hash over names, sizes, times and identities: it changes when
// anything beneath the root is written, made or removed.
func (s Snapshot) state() string {
	h := sha256.New()
	for _, p := range slices.Sorted(maps.Keys(s.files)) {
		st := s.files[p]
		fmt.Fprintf(h, "%q %d %d %d %d %d %d\n", p, st.id.dev, st.id.ino, st.mode, st.size, st.mtime, st.ctime)
	}
	return hex.EncodeToString(h.Sum(nil))
}
