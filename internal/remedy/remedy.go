// Package remedy applies the audit's repairs, keeping what it replaced. It
// refuses to grant a right, to follow a link, and to change a file that is no
// longer what the audit saw.
package remedy

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
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// Done is one change with what became of it.
type Done struct {
	audit.Change
	OK  bool   `json:"ok"`
	Err string `json:"error,omitempty"`
}

func (d *Done) end(err error) {
	if d.OK = err == nil; err != nil {
		d.Err = err.Error()
	}
}

// record is what an undo needs; it lies in the state directory, mode 0600.
type record struct {
	Format  int       `json:"format"`
	Time    time.Time `json:"time"`
	Changes []Done    `json:"changes"`
	// Config is the text before, After the hash of the text that was written.
	Config []byte `json:"config,omitempty"`
	After  string `json:"after,omitempty"`
	Undone bool   `json:"undone,omitempty"`
}

// ErrNothing: there is no fix to undo.
var ErrNothing = errors.New("no fix is on record")

// Kept is how long a fix can be taken back. Its record holds the configuration
// as it was, so it goes after that.
const Kept = 30 * 24 * time.Hour

// Apply makes the changes and records how to undo them. It goes on after a
// change that fails; the error is about the record or the configuration.
func Apply(p configfile.Paths, o configfile.Options, changes []audit.Change, now time.Time) ([]Done, error) {
	rec := record{Format: 1, Time: now}
	dir := recordsDir(p)
	if len(changes) == 0 {
		return nil, nil
	}
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, err
	}
	var sets []audit.Change
	for _, c := range changes {
		if c.Kind == audit.Set {
			sets = append(sets, c)
		}
	}
	if err := forget(dir, now.Add(-Kept)); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, "fix-"+now.UTC().Format(stamp)+".json")
	if len(sets) > 0 {
		old, err := atomicfile.Read(p.Config, 64<<20)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", p.Config, err)
		}
		rec.Config = old
	}
	// What is to be undone is on disk before anything changes.
	for _, c := range changes {
		rec.Changes = append(rec.Changes, Done{Change: c})
	}
	if err := write(name, rec); err != nil {
		return nil, err
	}
	// Modes first: an edit makes a new file, which nobody has seen.
	for i := range rec.Changes {
		if d := &rec.Changes[i]; d.Kind == audit.Chmod {
			d.end(chmod(d.Change))
		}
	}
	failed := edit(p, o, sets)
	for i := range rec.Changes {
		if d := &rec.Changes[i]; d.Kind == audit.Set {
			d.end(failed)
		}
	}
	if len(sets) > 0 && failed == nil {
		if b, err := atomicfile.Read(p.Config, 64<<20); err == nil {
			rec.After = hash(b)
		}
	}
	return rec.Changes, write(name, rec)
}

// edit makes the configuration's changes in one write.
func edit(p configfile.Paths, o configfile.Options, sets []audit.Change) error {
	if len(sets) == 0 {
		return nil
	}
	_, err := configfile.Edit(p, o, func(src []byte) ([]byte, error) { return edited(p, src, sets) })
	return err
}

// edited is the text with the changes made. A key that no longer has the value
// that a change starts from is refused.
func edited(p configfile.Paths, src []byte, sets []audit.Change) ([]byte, error) {
	for _, c := range sets {
		path, err := json5.ParsePath(c.Key)
		if err != nil {
			return nil, err
		}
		doc := json5.Parse(filepath.Base(p.Config), src)
		n := doc.Root.Lookup(path)
		if n != nil && fmt.Sprintf("%q", n.Text) == c.To {
			continue
		}
		if n == nil || fmt.Sprintf("%q", n.Text) != c.From {
			return nil, fmt.Errorf("%s is not %s in this file", c.Key, c.From)
		}
		if src, err = json5.Set(src, path, c.To); err != nil {
			return nil, err
		}
	}
	return src, nil
}

// chmod takes rights from the file that was seen, by its handle.
func chmod(c audit.Change) error {
	if c.Mode&^c.Was != 0 {
		return fmt.Errorf("%04o would grant what %04o does not", c.Mode, c.Was)
	}
	return setMode(c.Path, c.Was, c.Mode, c.UID)
}

func setMode(path string, was, mode uint32, uid int) error {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() && !info.Mode().IsDir() {
		return fmt.Errorf("%q is neither a file nor a directory", path)
	}
	if !owned(info, uid) {
		return fmt.Errorf("%q has another owner now", path)
	}
	switch now := bits(info.Mode()); now {
	case mode:
		return nil
	case was:
	default:
		return fmt.Errorf("%q has mode %04o now, the audit saw %04o", path, now, was)
	}
	return f.Chmod(fileMode(mode))
}

// bits are the permission bits as chmod takes them.
func bits(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	for _, b := range special {
		if m&b.flag != 0 {
			out |= b.bit
		}
	}
	return out
}

func fileMode(bits uint32) fs.FileMode {
	m := fs.FileMode(bits & 0o777)
	for _, b := range special {
		if bits&b.bit != 0 {
			m |= b.flag
		}
	}
	return m
}

var special = []struct {
	flag fs.FileMode
	bit  uint32
}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func write(name string, rec record) error {
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(name, append(b, '\n'))
}
