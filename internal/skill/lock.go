package skill

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// Names of upstream's lock files.
const (
	lockFolder = ".clawhub"
	lockLegacy = ".clawdhub"
	lockName   = "lock.json"

	originFolder = ".clawhub"
	originFile   = originFolder + "/origin.json"
)

const maxLock = 4 << 20

// Lock is <workdir>/.clawhub/lock.json: what was installed below workdir. Keys
// that this version does not know are kept.
type Lock struct {
	Version int                  `json:"version"`
	Skills  map[string]LockEntry `json:"skills"`

	rest map[string]json.RawMessage
}

// LockEntry is one skill of a Lock.
type LockEntry struct {
	Version     string `json:"version"`
	InstalledAt int64  `json:"installedAt"`
	Registry    string `json:"registry,omitempty"`
	OwnerHandle string `json:"ownerHandle,omitempty"`
	Pinned      bool   `json:"pinned,omitempty"`

	rest map[string]json.RawMessage
}

// MarshalJSON keeps what was not understood.
func (e LockEntry) MarshalJSON() ([]byte, error) {
	type plain LockEntry
	return withRest(plain(e), e.rest)
}

// UnmarshalJSON keeps what is not understood.
func (e *LockEntry) UnmarshalJSON(b []byte) error {
	type plain LockEntry
	var p plain
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*e = LockEntry(p)
	return restOf(b, &e.rest, "version", "installedAt", "registry", "ownerHandle", "pinned")
}

func restOf(b []byte, rest *map[string]json.RawMessage, known ...string) error {
	*rest = nil
	if err := json.Unmarshal(b, rest); err != nil {
		return err
	}
	for _, k := range known {
		delete(*rest, k)
	}
	return nil
}

func withRest(v any, rest map[string]json.RawMessage) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil || len(rest) == 0 {
		return b, err
	}
	all := map[string]json.RawMessage{}
	for k, r := range rest {
		all[k] = r
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// ReadLock reads the lock of a working directory, by its present or its old
// name. None is an empty one.
func ReadLock(workdir string) (Lock, error) {
	l := Lock{Version: 1, Skills: map[string]LockEntry{}}
	for _, folder := range []string{lockFolder, lockLegacy} {
		b, err := atomicfile.Read(filepath.Join(workdir, folder, lockName), maxLock)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return l, err
		}
		type plain Lock
		p := plain(l)
		if err := json.Unmarshal(b, &p); err != nil {
			return l, fmt.Errorf("skill: %s/%s: %w", folder, lockName, err)
		}
		l = Lock(p)
		if l.Version != 1 {
			return l, fmt.Errorf("skill: %s/%s: version %d, expected 1", folder, lockName, l.Version)
		}
		if l.Skills == nil {
			l.Skills = map[string]LockEntry{}
		}
		return l, restOf(b, &l.rest, "version", "skills")
	}
	return l, nil
}

// Write writes the lock under its present name.
func (l Lock) Write(workdir string) error {
	type plain Lock
	b, err := withRest(plain(l), l.rest)
	if err != nil {
		return err
	}
	dir := filepath.Join(workdir, lockFolder)
	if err := atomicfile.MkdirAll(dir); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, lockName), append(b, '\n'))
}

// installed is <skill>/.clawhub/origin.json.
type installed struct {
	Version          int    `json:"version"`
	Registry         string `json:"registry,omitempty"`
	Slug             string `json:"slug"`
	InstalledVersion string `json:"installedVersion"`
	InstalledAt      int64  `json:"installedAt"`
	OwnerHandle      string `json:"ownerHandle,omitempty"`
}

func writeOrigin(dir string, o Origin, version string, at time.Time) error {
	b, err := json.Marshal(installed{1, o.Registry, o.Slug, version, at.UnixMilli(), o.Owner})
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, originFolder), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, originFile), append(b, '\n'))
}

// ReadOrigin reads where upstream says that a skill in a folder came from; ok
// is false when it says nothing.
func ReadOrigin(dir string) (o Origin, version string, ok bool) {
	b, err := atomicfile.Read(filepath.Join(dir, originFile), maxLock)
	if err != nil {
		return Origin{}, "", false
	}
	var in installed
	if json.Unmarshal(b, &in) != nil || in.Slug == "" {
		return Origin{}, "", false
	}
	return Origin{Kind: FromRegistry, Registry: in.Registry, Slug: in.Slug, Owner: in.OwnerHandle}, in.InstalledVersion, true
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
