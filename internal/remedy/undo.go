package remedy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
)

// stamp is the time in the name of a record.
const stamp = "20060102T150405.000000000Z"

const maxRecord = 64 << 20

func recordsDir(p configfile.Paths) string { return filepath.Join(p.State, "security-reports") }

// Fix is a fix on record.
type Fix struct {
	// ID names it.
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Changes []Done    `json:"changes"`
	Undone  bool      `json:"undone,omitempty"`
}

// Past are the fixes on record, the newest first.
func Past(p configfile.Paths) ([]Fix, error) {
	out := []Fix{}
	names, err := recordNames(recordsDir(p))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		rec, err := readRecord(p, idOf(name))
		if err != nil {
			return nil, err
		}
		out = append(out, Fix{idOf(name), rec.Time, rec.Changes, rec.Undone})
	}
	return out, nil
}

// Last is the newest fix that was not taken back; ErrNothing when there is
// none.
func Last(p configfile.Paths) (Fix, error) {
	all, err := Past(p)
	if err != nil {
		return Fix{}, err
	}
	if i := slices.IndexFunc(all, func(f Fix) bool { return !f.Undone }); i >= 0 {
		return all[i], nil
	}
	return Fix{}, ErrNothing
}

// recordNames are the file names of records, the newest first.
func recordNames(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range list {
		if ok, _ := filepath.Match("fix-*.json", e.Name()); ok {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out, err
}

func idOf(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, "fix-"), ".json")
}

func recordPath(p configfile.Paths, id string) string {
	return filepath.Join(recordsDir(p), "fix-"+id+".json")
}

// readRecord reads a record that stands in the list.
func readRecord(p configfile.Paths, id string) (rec record, err error) {
	names, err := recordNames(recordsDir(p))
	if err != nil {
		return rec, err
	}
	if !slices.Contains(names, "fix-"+id+".json") {
		return rec, ErrNothing
	}
	b, err := atomicfile.Read(recordPath(p, id), maxRecord)
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(b, &rec); err != nil || rec.Format != 1 {
		return rec, fmt.Errorf("%q is no record of a fix", recordPath(p, id))
	}
	return rec, nil
}

// forget removes records from before a time.
func forget(dir string, before time.Time) error {
	names, err := recordNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if t, err := time.Parse(stamp, idOf(name)); err == nil && t.Before(before) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// Undone is what became of taking a fix back.
type Undone struct {
	Done []Done
	// Config is the hash of the configuration when it is to the letter what it
	// was before the fix, else "".
	Config string
}

// Undo takes one fix back, ErrNothing when it is not on record or was taken
// back already. base is the hash of the configuration that it starts from; it
// changes no other one. "" starts from whatever is there.
func Undo(p configfile.Paths, o configfile.Options, id, base string) (Undone, error) {
	rec, err := readRecord(p, id)
	if err != nil {
		return Undone{}, err
	}
	if rec.Undone {
		return Undone{}, ErrNothing
	}
	out := rec.undo(p, o, base)
	rec.Undone = !slices.ContainsFunc(out.Done, func(d Done) bool { return !d.OK })
	return out, write(recordPath(p, id), rec)
}

func (r record) undo(p configfile.Paths, o configfile.Options, base string) (out Undone) {
	var restored error
	out.Config, restored = r.restore(p, o, base)
	for _, d := range r.Changes {
		if !d.OK {
			continue // was never made
		}
		back := Done{Change: reversed(d.Change)}
		if d.Kind == audit.Chmod {
			back.end(setMode(d.Path, d.Mode, d.Was, d.UID))
		} else {
			back.end(restored)
		}
		out.Done = append(out.Done, back)
	}
	return out
}

// restore writes the configuration back to the letter. When somebody changed
// it since, only the keys go back, and only those that have the value that the
// fix gave them.
func (r record) restore(p configfile.Paths, o configfile.Options, base string) (same string, err error) {
	if r.After == "" {
		return "", nil
	}
	var sets []audit.Change
	for _, d := range r.Changes {
		if d.OK && d.Kind == audit.Set {
			sets = append(sets, reversed(d.Change))
		}
	}
	_, err = configfile.Edit(p, o, func(src []byte) ([]byte, error) {
		now := hash(src)
		if base != "" && now != base {
			return nil, configfile.ErrChanged
		}
		if now == r.After {
			same = hash(r.Config)
			return r.Config, nil
		}
		b, err := edited(p, src, sets)
		if err != nil {
			return nil, fmt.Errorf("%q was changed since: %w; its text before the fix is in the record", p.Config, err)
		}
		return b, nil
	})
	if err != nil {
		return "", err
	}
	return same, nil
}
