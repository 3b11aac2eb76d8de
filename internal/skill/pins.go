package skill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// PinsFile lies in the state directory, closed to agents.
const PinsFile = "skill-pins.json"

const maxPins = 16 << 20

// Pin is a person's word for one skill: this name, at this version, with
// exactly these files.
type Pin struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	// SHA256 covers path, mode, type and bytes of all files together.
	SHA256 string       `json:"sha256"`
	Files  []PinnedFile `json:"files"`
	Origin Origin       `json:"origin"`
	// Folder is where the skill lies.
	Folder  string            `json:"folder"`
	Verdict skillscan.Verdict `json:"verdict"`
	// Trusted: its text counts as instructions. Otherwise it is a stranger's.
	Trusted bool `json:"trusted"`
	// Despite are the rules that blocked it and that the person named.
	Despite  []string           `json:"despite,omitempty"`
	Manifest skillscan.Manifest `json:"manifest"`
	By       string             `json:"by"`
	At       time.Time          `json:"at"`
}

// PinnedFile is one entry of a pinned skill.
type PinnedFile struct {
	Path   string `json:"path"`
	Type   string `json:"type"`
	Runs   bool   `json:"runs,omitempty"`
	Size   int    `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Target string `json:"target,omitempty"`
}

// Pins are all pins of a home.
type Pins struct {
	Version int            `json:"version"`
	Skills  map[string]Pin `json:"skills"`
}

// ReadPins reads the pins of a state directory; none is no error. A file that
// cannot be read is one: nothing is pinned then.
func ReadPins(state string) (Pins, error) {
	p := Pins{Version: 1, Skills: map[string]Pin{}}
	b, err := atomicfile.Read(filepath.Join(state, PinsFile), maxPins)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	var in Pins
	if err := json.Unmarshal(b, &in); err != nil || in.Version != 1 {
		return p, fmt.Errorf("skill: %s cannot be read (version %d): %w", PinsFile, in.Version, err)
	}
	for name, x := range in.Skills {
		if x.Name != name || Name(name) != nil || len(x.SHA256) != 64 || strings.ContainsAny(x.SHA256, `/\.`) {
			return p, fmt.Errorf("skill: %s: %q is no pin", PinsFile, name)
		}
	}
	if in.Skills != nil {
		p.Skills = in.Skills
	}
	return p, nil
}

func (p Pins) write(state string) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(state, PinsFile), append(b, '\n'))
}

// Sorted lists the pins by name.
func (p Pins) Sorted() []Pin {
	out := make([]Pin, 0, len(p.Skills))
	for _, x := range p.Skills {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Pin) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// pinned lists the entries of a bundle.
func pinned(files []skillscan.File) []PinnedFile {
	out := make([]PinnedFile, 0, len(files))
	for _, f := range files {
		p := PinnedFile{Path: f.Path, Target: f.Target}
		switch f.Type {
		case skillscan.Folder:
			p.Type = "folder"
		case skillscan.Link:
			p.Type = "link"
		case skillscan.Regular:
			p.Type, p.Runs, p.Size, p.SHA256 = "file", f.Mode&0o111 != 0, len(f.Data), sum(f.Data)
		case skillscan.Special:
			p.Type = "special"
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b PinnedFile) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// Change is one entry that is not what was pinned.
type Change struct {
	Path string `json:"path"`
	// How is added, removed, changed, mode or type.
	How string `json:"how"`
}

// Changes compares what lies there with what was pinned.
func Changes(was []PinnedFile, files []skillscan.File) []Change {
	now := map[string]PinnedFile{}
	for _, f := range pinned(withoutOrigin(files)) {
		now[f.Path] = f
	}
	out := []Change{}
	for _, w := range was {
		n, ok := now[w.Path]
		delete(now, w.Path)
		switch {
		case !ok:
			out = append(out, Change{w.Path, "removed"})
		case n.Type != w.Type:
			out = append(out, Change{w.Path, "type"})
		case n.SHA256 != w.SHA256 || n.Target != w.Target:
			out = append(out, Change{w.Path, "changed"})
		case n.Runs != w.Runs:
			out = append(out, Change{w.Path, "mode"})
		}
	}
	for _, n := range now {
		out = append(out, Change{n.Path, "added"})
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return out
}
